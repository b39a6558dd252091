/**
 * BERTScore (Zhang et al. 2020) with a local encoder, by the rules of bert_score with idf off: each word piece is matched
 * with its nearest one in the other sentence.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { Tokenizer } from "@huggingface/tokenizers";
import { exists, readJson, readText } from "../files.ts";
import { openOnnx } from "./onnx.ts";
import { mean } from "./statistics.ts";

/** An encoder, and the baseline that scores are rescaled with. */
export interface BertScorer {
  /** What was counted, and how. */
  readonly signature: string;
  /** F1 of each prediction, rescaled: about 0 for sentences that have nothing to do with each other, 1 for equal ones. */
  score(predictions: readonly string[], references: readonly string[]): Promise<number[]>;
  /** Frees the encoder. */
  close(): Promise<void>;
}

/** The outputs of a sentence's encoder: a unit vector for each of its ids, specials included. */
export interface Embedded {
  /** Vectors, row by row, [T, D]. */
  readonly vectors: Float32Array;
  /** Which ids are special, [T]. */
  readonly special: readonly boolean[];
  /** Their width D. */
  readonly width: number;
}

/**
 * Opens a scorer. The folder holds `onnx/model.onnx`, whose first output is the layer to compare (bert_score takes layer 17
 * of roberta-large), `tokenizer.json`, `tokenizer_config.json`, and `baseline.tsv`, bert_score's file for the model; without
 * a baseline scores are not rescaled, and the signature says so.
 *
 * @param folder the model's folder
 * @param layer the row of the baseline
 * @returns the scorer; close it when done
 * @throws UserError naming the file that is missing
 *
 * @example A folder without a model is named
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const error = await ws.metrics.openBertScorer("data/prompts").catch((error: Error) => error);
 * assert(error instanceof ws.UserError);
 * ```
 */
export async function openBertScorer(folder: string, layer = 17): Promise<BertScorer> {
  const file = `${folder}/tokenizer.json`;
  if (!exists(file)) throw new UserError(`Cannot compute BERTScore: there is no ${file}`);
  const settings = `${folder}/tokenizer_config.json`;
  const tokenizer = new Tokenizer(readJson(file) as never, (exists(settings) ? readJson(settings) : {}) as never);
  const baseline = readBaseline(`${folder}/baseline.tsv`, layer);
  const model = await openOnnx(folder);
  const embed = async (sentence: string): Promise<Embedded> => {
    const { ids } = tokenizer.encode(sentence.trim());
    const bare = tokenizer.encode(sentence.trim(), { add_special_tokens: false }).ids.length;
    const before = (ids.length - bare) >> 1; // [CLS] … [SEP], <s> … </s>
    const shape = [1, ids.length];
    const all = (value: (i: number) => number) => ({ data: BigInt64Array.from(ids, (_, i) => BigInt(value(i))), shape });
    const inputs = { input_ids: all((i) => ids[i]!), attention_mask: all(() => 1), token_type_ids: all(() => 0) };
    const known = Object.fromEntries(Object.entries(inputs).filter(([name]) => model.inputs.includes(name)));
    const [{ data, shape: [, , width] }] = Object.values(await model.run(known)) as [
      { data: Float32Array; shape: [number, number, number] },
    ];
    return { vectors: unit(data, width), special: Array.from(ids, (_, i) => i < before || i >= before + bare), width };
  };
  return {
    signature: `bert_score|model:${folder.split("/").at(-1)}|layer:${layer}|idf:no|rescaled:${baseline === 0 ? "no" : "yes"}`,
    async score(predictions, references) {
      const scores: number[] = [];
      for (const [i, prediction] of predictions.entries()) {
        const f = matchF1(await embed(prediction), await embed(references[i]!));
        scores.push((f - baseline) / (1 - baseline));
      }
      return scores;
    },
    close: () => model.close(),
  };
}

/** F1 of greedy matching. Specials are matched with, not counted: bert_score's weights of them are 0. */
export function matchF1(prediction: Embedded, reference: Embedded): number {
  const [precision, recall] = [meanBest(prediction, reference), meanBest(reference, prediction)];
  return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

function meanBest(from: Embedded, to: Embedded): number {
  const { width } = from;
  const best = from.special.flatMap((special, i) => {
    if (special) return [];
    let most = -Infinity;
    for (let j = 0; j < to.special.length; j++) {
      let product = 0;
      for (let d = 0; d < width; d++) product += from.vectors[i * width + d]! * to.vectors[j * width + d]!;
      most = Math.max(most, product);
    }
    return [most];
  });
  return mean(best);
}

function unit(data: Float32Array, width: number): Float32Array {
  const vectors = Float32Array.from(data);
  for (let i = 0; i < vectors.length; i += width) {
    const row = vectors.subarray(i, i + width);
    const norm = Math.hypot(...row);
    row.forEach((value, d) => row[d] = value / norm);
  }
  return vectors;
}

/** bert_score's baseline of F at a layer; 0 where there is no file. */
function readBaseline(path: string, layer: number): number {
  if (!exists(path)) return 0;
  const row = readText(path).split("\n").map((line) => line.split(/[\t,]/)).find(([name]) => name === `${layer}`);
  const value = Number(row?.[3]);
  if (!(value < 1)) throw new UserError(`Cannot use ${path}: it must have a row LAYER, P, R, F for layer ${layer}`);
  return value;
}
