/** The recorded Janus with words of its own, for tests of what sees through SigLIP. */
import { loadModel, type Model } from "../lib/model/mod.ts";
import { textSampler } from "../lib/sample/mod.ts";
import { vocabularyOf } from "../lib/tokens/vocabulary.ts";
import { tinyTokenizer } from "../lib/world/tokenizer.ts";
import type { EncodedTrajectory, Observation } from "../lib/trajectories/mod.ts";
import { encodePictures, type RgbImage, type Vocabulary } from "../lib/tokens/mod.ts";
import { randomInt, randomStream } from "../lib/engine/mod.ts";

const FOLDER = new URL("parity/reference/janus", import.meta.url).pathname;
const TEXT = 96; // ids of text

/** The recorded Janus: 8 × 8 pixels are 16 places. */
export const loadJanus = (): Model => loadModel(FOLDER, "float32");

/** A vocabulary for it: every letter is one of 80 ids. */
export function janusVocabulary(): Vocabulary {
  const { files } = tinyTokenizer(64, "janus");
  const words = vocabularyOf(JSON.parse(files["tokenizer.json"]!), "tokenizer.json", 64);
  const letters = (text: string) => [...text].map((letter) => 10 + letter.charCodeAt(0) % 80);
  const turn = { before: [8], after: [9] };
  const special = { bos: 1, pad: 2, eos: 3, beginImage: 4, endImage: 5, marks: [1, 2, 4, 5] };
  return { ...words, ...special, turn, firstImage: TEXT, size: TEXT + 64, encode: letters, decode: (ids) => ids.join(" ") };
}

/** What it takes to read pictures. */
export function janusReader(model: Model) {
  const vocabulary = janusVocabulary();
  return { text: textSampler(model.chameleon, vocabulary), vqgan: model.vqgan, vocabulary };
}

/** A picture of noise. */
export function noise(name: string | number): RgbImage {
  const random = randomStream("noise", name);
  return { width: 8, height: 8, data: Uint8Array.from({ length: 8 * 8 * 3 }, () => randomInt(random, 256)) };
}

/** Trajectories of noise. */
export function noisyTrajectories({ vqgan }: Model, actions: readonly string[]): EncodedTrajectory[] {
  const observation = (picture: RgbImage): Observation => ({
    name: "noise",
    load: () => Promise.resolve(picture),
    key: () => Promise.resolve("noise"),
  });
  return actions.map((action, i) => {
    const pictures = [noise(2 * i), noise(2 * i + 1)];
    const [source, target] = encodePictures(vqgan, pictures).map((codes) => Uint16Array.from(codes));
    const [before, after] = pictures.map(observation);
    return {
      trajectory: { id: `${i}`, subset: "noise", action, source: before!, target: after! },
      ...{ source: source!, target: target!, distances: new Float32Array(16) },
    };
  });
}
