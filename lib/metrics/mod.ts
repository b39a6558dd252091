/**
 * Metrics of predicted actions and images, and their statistics.
 *
 * @module
 */
export { type ActionPair, type ActionScores, scoreActions } from "./actions.ts";
export { type BertScorer, type Embedded, openBertScorer } from "./bert_score.ts";
export { cosine, type ImageEncoder, openImageEncoder } from "./image_encoder.ts";
export { alignedPair, L1_SIGNATURES, l1Distance, type Protocol, PROTOCOLS } from "./images.ts";
export { type OnnxArray, type OnnxModel } from "./onnx.ts";
export {
  comparePairs,
  type Comparison,
  type Estimate,
  estimate,
  estimateOverRuns,
  holm,
  mean,
  pairedDifferences,
  pairedTest,
  pairedValues,
  pearson,
  wilson,
} from "./statistics.ts";
export {
  BLEU_SIGNATURE,
  corpusBleu,
  type Overlap,
  ROUGE_SIGNATURE,
  rougeL,
  rougeN,
  SENTENCE_BLEU_SIGNATURE,
  sentenceBleu,
} from "./text.ts";
