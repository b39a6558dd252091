/**
 * From text and images to token sequences and back.
 *
 * @module
 */
export { decodedImages, encodePictures } from "./image_codes.ts";
export { decodeImage, type DecodeOptions, encodePng, MOST_PIXELS, squareCrop } from "./images.ts";
export { crop, type Kernel, resize, type RgbImage } from "./resize.ts";
export {
  dumpSequence,
  DYNAMICS_QUESTION,
  dynamicsPrompt,
  dynamicsSequence,
  type PaddedBatch,
  type Sequence,
  worldPrompt,
  worldSequence,
} from "./sequences.ts";
export { loadVocabulary, type RowMarks, SPECIAL_TOKENS, type Vocabulary } from "./vocabulary.ts";
