/**
 * How close predicted actions are to the reference, word by word: ROUGE (Lin 2004) by the rules of rouge_score, BLEU
 * (Papineni et al. 2002) by those of sacrebleu.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** Precision, recall and their harmonic mean, 0 … 1. */
export interface Overlap {
  /** Share of the prediction that is in the reference. */
  readonly precision: number;
  /** Share of the reference that is in the prediction. */
  readonly recall: number;
  /** 2 · precision · recall / (precision + recall). */
  readonly f: number;
}

/** What was counted, and how: scores with equal signatures can be compared. */
export const ROUGE_SIGNATURE = "rouge_score|stemmer:no|tokens:[a-z0-9]+|mean of F";
/** What was counted, and how: scores with equal signatures can be compared. */
export const BLEU_SIGNATURE = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|like:sacrebleu 2.6.0";
/** The signature of BLEU of one sentence. */
export const SENTENCE_BLEU_SIGNATURE: string = BLEU_SIGNATURE.replace("eff:no", "eff:yes");

/**
 * ROUGE-n: words in a row that prediction and reference share.
 *
 * @param prediction what was said
 * @param reference what should have been said
 * @param n how many words in a row
 * @returns precision, recall and their F, 0 … 1
 *
 * @example One of two words is shared
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.metrics.rougeN("Open it!", "open the door", 1), { precision: 1 / 2, recall: 1 / 3, f: 0.4 });
 * ```
 */
export function rougeN(prediction: string, reference: string, n: number): Overlap {
  const [said, wanted] = [countNgrams(rougeTokens(prediction), n), countNgrams(rougeTokens(reference), n)];
  return overlapOf(shared(said, wanted), total(said), total(wanted));
}

/**
 * ROUGE-L: the longest sequence of words that both have in this order.
 *
 * @param prediction what was said
 * @param reference what should have been said
 * @returns precision, recall and F
 *
 * @example Two of three words in order
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.metrics.rougeL("open door", "open the door").recall, 2 / 3);
 * ```
 */
export function rougeL(prediction: string, reference: string): Overlap {
  const [said, wanted] = [rougeTokens(prediction), rougeTokens(reference)];
  return overlapOf(longestCommon(said, wanted), said.length, wanted.length);
}

/**
 * BLEU of a corpus, 0 … 100; the paper prints it over 100.
 *
 * @param predictions what was said
 * @param references what should have been said, one each
 * @returns 0 … 100
 * @throws UserError when there is not one reference for each prediction
 *
 * @example A perfect prediction
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Math.round(ws.metrics.corpusBleu(["open the red door"], ["open the red door"])), 100);
 * ```
 */
export function corpusBleu(predictions: readonly string[], references: readonly string[]): number {
  return bleuOf(predictions, references, false);
}

/**
 * BLEU of one sentence, 0 … 100, over as many n-gram orders as it is long.
 *
 * @param prediction what was said
 * @param reference what should have been said
 * @returns 0 … 100
 *
 * @example A perfect prediction of two words
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(Math.round(ws.metrics.sentenceBleu("open it", "open it")), 100);
 * ```
 */
export function sentenceBleu(prediction: string, reference: string): number {
  return bleuOf([prediction], [reference], true);
}

const ORDERS = 4;

function bleuOf(predictions: readonly string[], references: readonly string[], effectiveOrder: boolean): number {
  if (predictions.length !== references.length || predictions.length === 0) {
    throw new UserError(
      `Cannot compute BLEU of ${predictions.length} predictions and ${references.length} references: one each is needed`,
    );
  }
  const correct = new Array<number>(ORDERS).fill(0);
  const possible = new Array<number>(ORDERS).fill(0);
  let [saidLength, wantedLength] = [0, 0];
  predictions.forEach((prediction, i) => {
    const [said, wanted] = [bleuTokens(prediction), bleuTokens(references[i]!)];
    saidLength += said.length;
    wantedLength += wanted.length;
    for (let n = 1; n <= ORDERS; n++) {
      const ngrams = countNgrams(said, n);
      correct[n - 1]! += shared(ngrams, countNgrams(wanted, n));
      possible[n - 1]! += total(ngrams);
    }
  });
  if (!correct.some((count) => count > 0)) return 0;
  const brevity = saidLength < wantedLength ? Math.exp(1 - wantedLength / saidLength) : 1;
  return brevity * geometricMean(correct, possible, effectiveOrder);
}

/** The mean of the orders' precisions; an order without a hit counts 1/2, the next 1/4 … of one (smoothing "exp"). */
function geometricMean(correct: readonly number[], possible: readonly number[], effectiveOrder: boolean): number {
  const orders = possible.findIndex((count) => count === 0);
  if (orders >= 0 && !effectiveOrder) return 0;
  let smooth = 1;
  const logs = correct.slice(0, orders < 0 ? ORDERS : orders).map((hits, n) =>
    Math.log(hits > 0 ? 100 * hits / possible[n]! : 100 / ((smooth *= 2) * possible[n]!))
  );
  return Math.exp(logs.reduce((a, b) => a + b, 0) / logs.length);
}

function rougeTokens(text: string): string[] {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, " ").split(/\s+/).filter((token) => token !== "");
}

/** The tokenizer of mteval-v13a. */
function bleuTokens(text: string): string[] {
  const unescaped = text.replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ")
    .replaceAll("&quot;", '"').replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  const apart = ` ${unescaped} `
    .replaceAll(/([{-~[-` -&(-+:-@/])/g, " $1 ")
    .replaceAll(/([^0-9])([.,])/gu, "$1 $2 ")
    .replaceAll(/([.,])([^0-9])/gu, " $1 $2")
    .replaceAll(/([0-9])(-)/g, "$1 $2 ");
  return apart.split(/\s+/).filter((token) => token !== "");
}

function countNgrams(tokens: readonly string[], n: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let i = 0; i + n <= tokens.length; i++) {
    const ngram = tokens.slice(i, i + n).join(" ");
    counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  }
  return counts;
}

function shared(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  return a.entries().reduce((sum, [ngram, count]) => sum + Math.min(count, b.get(ngram) ?? 0), 0);
}

function total(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((a, b) => a + b, 0);
}

function longestCommon(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0);
  for (const word of a) {
    const next = [0];
    b.forEach((other, j) => next.push(word === other ? row[j]! + 1 : Math.max(next[j]!, row[j + 1]!)));
    row = next;
  }
  return row[b.length]!;
}

function overlapOf(hits: number, said: number, wanted: number): Overlap {
  const precision = hits / Math.max(1, said);
  const recall = hits / Math.max(1, wanted);
  return { precision, recall, f: hits === 0 ? 0 : 2 * precision * recall / (precision + recall) };
}

/** A sentence without case and punctuation. */
export function bare(sentence: string): string {
  return sentence.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, " ").trim();
}
