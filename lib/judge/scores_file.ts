/**
 * What a judge said of pictures, as task `judge` leaves it, with what people changed by hand.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readJsonLines } from "../files.ts";
import { type Estimate, estimate } from "../metrics/mod.ts";

/** A judge's score of a system's picture. */
export interface Score {
  /** Whose picture. */
  readonly system: string;
  /** The trajectory. */
  readonly id: string;
  /** Where it is from. */
  readonly subset: string;
  /** What was asked. */
  readonly action: string;
  /** Editing success, 0 … 10. */
  readonly success?: number;
  /** Minimal editing, 0 … 10. */
  readonly minimal?: number;
  /** The smaller of both. */
  readonly score?: number;
  /** The judge's reason. */
  readonly reason?: string;
  /** Why there is no score. */
  readonly unscored?: string;
  /** Who changed it. */
  readonly correctedBy?: string;
}

/**
 * Reads `scores.jsonl` of a run of task `judge`, and its `corrections.jsonl` where people added one: lines with `system`, `id`,
 * `success`, `minimal`, `reason` and `correctedBy`. The judge's own lines stay as they are.
 *
 * @throws UserError when a correction has no such system and trajectory, or a score that is not from 0 to 10
 */
export function readScores(folder: string): Score[] {
  const scores = readJsonLines<Score>(`${folder}/scores.jsonl`);
  const path = `${folder}/corrections.jsonl`;
  for (const correction of readJsonLines<Score>(path)) {
    const place = scores.findIndex(({ system, id }) => system === correction.system && id === correction.id);
    const { success = NaN, minimal = NaN, reason = "", correctedBy } = correction;
    const within = [success, minimal].every((value) => typeof value === "number" && value >= 0 && value <= 10);
    if (place < 0 || !within || !correctedBy) {
      throw new UserError(
        `Cannot use ${path}: ${correction.system} ${correction.id} needs a judged picture, success and minimal from 0 to 10, and correctedBy`,
      );
    }
    const { unscored: _, ...judged } = scores[place]!;
    scores[place] = { ...judged, success, minimal, score: Math.min(success, minimal), reason, correctedBy };
  }
  return scores;
}

/** The mean of one of the scores, with its interval; undefined when nothing was scored. */
export function meanScore(scores: readonly Score[], key: "score" | "success" | "minimal" = "score"): Estimate | undefined {
  const values = scores.flatMap((score) => score[key] ?? []);
  return values.length === 0 ? undefined : estimate(values);
}

/**
 * A judge's scores by system, then by trajectory; what is unscored is not there, nor a system of which nothing is scored.
 *
 * @param scores of all systems
 * @returns scores by trajectory, by system
 *
 * @example One picture
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const score = { system: "a", id: "1", subset: "ag", action: "go", score: 7 };
 * assertEquals(ws.judge.scoresBySystem([score]).get("a")?.get("1"), 7);
 * ```
 */
export function scoresBySystem(scores: readonly Score[]): Map<string, Map<string, number>> {
  const scored = scores.flatMap(({ system, id, score }) => score === undefined ? [] : [{ system, id, score }]);
  return new Map(
    [...Map.groupBy(scored, ({ system }) => system)].map(([system, own]) => [system, new Map(own.map(({ id, score }) => [id, score]))]),
  );
}

/**
 * Rows of paper Table 2 and Table 5: a system's means on a subset.
 *
 * @param scores of all systems
 * @returns a row for each system and subset
 *
 * @example All, and each subset
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const score = { system: "a", id: "1", subset: "ag", action: "go", success: 7, minimal: 9, score: 7 };
 * assertEquals(ws.judge.scoreRows([score]).map(({ subset, score }) => [subset, score]), [["all", 7], ["ag", 7]]);
 * ```
 */
export function scoreRows(scores: readonly Score[]): Record<string, string | number | null>[] {
  return [...Map.groupBy(scores, ({ system }) => system)].flatMap(([system, own]) =>
    [["all", own] as const, ...Map.groupBy(own, ({ subset }) => subset)].map(([subset, list]) => {
      const score = meanScore(list);
      return {
        ...{ system, subset, score: score?.mean ?? null, from: score?.interval[0] ?? null, to: score?.interval[1] ?? null },
        "editing success": meanScore(list, "success")?.mean ?? null,
        "minimal editing": meanScore(list, "minimal")?.mean ?? null,
        scored: `${score?.n ?? 0} of ${list.length}`,
      };
    })
  );
}
