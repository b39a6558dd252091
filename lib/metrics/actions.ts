/**
 * How good predicted actions are (paper Table 1): words shared with the reference, and in the tiny world the meaning.
 *
 * @module
 */
import type { BertScorer } from "./bert_score.ts";
import { mean } from "./statistics.ts";
import { bare, BLEU_SIGNATURE, corpusBleu, ROUGE_SIGNATURE, rougeL, rougeN } from "./text.ts";

/** A predicted action beside what was done. */
export interface ActionPair {
  /** The trajectory. */
  readonly id: string;
  /** Its subset. */
  readonly subset: string;
  /** What was said. */
  readonly predicted: string;
  /** What should have been said. */
  readonly reference: string;
  /** Whether it means the same, where that is known (the tiny world). */
  readonly meant?: boolean | undefined;
}

/** Scores of one subset, 0 … 1; null where a metric cannot be had. */
export interface ActionScores {
  /** BERTScore's F1, rescaled. */
  readonly bert_score: number | null;
  /** Words shared. */
  readonly rouge1: number;
  /** Pairs of words shared. */
  readonly rouge2: number;
  /** The longest sequence shared. */
  readonly rougeL: number;
  /** BLEU of the subset as a corpus, over 100. */
  readonly bleu: number;
  /** Share said word for word, case and punctuation aside. */
  readonly exact: number;
  /** Share that means the same. */
  readonly meaning: number | null;
  /** Predictions. */
  readonly n: number;
}

/** The metrics' signatures. */
export function actionSignatures(scorer: BertScorer | undefined): Record<string, string> {
  return {
    rouge: ROUGE_SIGNATURE,
    bleu: `${BLEU_SIGNATURE}|over 100`,
    bert_score: scorer?.signature ?? "left out: no model folder (evaluate.bertModel)",
  };
}

/**
 * Scores of all pairs together ("all") and of each subset.
 *
 * @param pairs predictions and references
 * @param bertScores BERTScore of each pair, when there is a model for it
 * @returns scores by subset
 *
 * @example Said word for word
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const pair = { id: "1", subset: "ag", predicted: "Open it.", reference: "open it" };
 * assertEquals(ws.metrics.scoreActions([pair])["ag"]!.exact, 1);
 * ```
 */
export function scoreActions(pairs: readonly ActionPair[], bertScores?: readonly number[]): Record<string, ActionScores> {
  const subsets = ["all", ...new Set(pairs.map(({ subset }) => subset))];
  return Object.fromEntries(subsets.map((name) => {
    const own = pairs.flatMap((pair, i) => name === "all" || pair.subset === name ? [{ ...pair, bert: bertScores?.[i] }] : []);
    const average = (score: (pair: typeof own[number]) => number) => mean(own.map(score));
    const known = own.every(({ meant }) => meant !== undefined);
    return [name, {
      bert_score: bertScores ? average(({ bert }) => bert!) : null,
      rouge1: average(({ predicted, reference }) => rougeN(predicted, reference, 1).f),
      rouge2: average(({ predicted, reference }) => rougeN(predicted, reference, 2).f),
      rougeL: average(({ predicted, reference }) => rougeL(predicted, reference).f),
      bleu: corpusBleu(own.map(({ predicted }) => predicted), own.map(({ reference }) => reference)) / 100,
      exact: average(({ predicted, reference }) => Number(bare(predicted) === bare(reference))),
      meaning: known ? average(({ meant }) => Number(meant)) : null,
      n: own.length,
    }];
  }));
}
