/**
 * Judging pictures, alone or with the workers of a queue.
 *
 * @module
 */
import { type Campaign, type Cost, judgeEntries } from "../judge/campaign.ts";
import { type Entry, nameOf } from "../judge/entries.ts";
import type { Verdict } from "../judge/mod.ts";
import { judgePicture, type WorldTrajectory } from "../world/mod.ts";
import { batchesOf, type Work } from "./batches.ts";
import { showProgress } from "./progress.ts";
import { workFromQueue } from "./queue_work.ts";

/** Verdicts of pictures, and what they cost: now, and now or before. */
export interface Judgement {
  /** In the order of the pictures. */
  readonly verdicts: readonly Verdict[];
  /** Paid by this run. */
  readonly spent: Cost;
  /** What all these answers have cost. */
  readonly cost: Cost;
}

/** A judge of some pictures. */
export type JudgeOf = (entries: readonly Entry[], onProgress?: (done: number, dollars: number) => void) => Promise<Judgement>;

/** All verdicts, with what tells a queue that the run is finished. */
export interface Gathered extends Judgement {
  /** To be called when everything is written. */
  readonly finish: () => Promise<void>;
}

/** What came of a picture; the first of a batch holds what the batch has cost. */
interface Line extends Partial<Pick<Judgement, "spent" | "cost">> {
  readonly name: string;
  readonly verdict: Verdict;
}

/** Nothing was paid. */
const FREE: Cost = { prompt: 0, completion: 0, dollars: 0 };

const TOGETHER = 64; // pictures in a batch of a queue

/** The tiny world's exact judge, by what is true of each trajectory. */
export function worldJudge(truths: ReadonlyMap<string, WorldTrajectory>): JudgeOf {
  return async (entries) => {
    const verdicts: Verdict[] = [];
    for (const { trajectory, load } of entries) {
      const { before, after } = truths.get(trajectory.id)!;
      const { success, minimal, reasons } = judgePicture(before, after, (await load())!);
      verdicts.push({ success, minimal, score: Math.min(success, minimal), reason: reasons.join(" ") });
    }
    return { verdicts, spent: FREE, cost: FREE };
  };
}

/** A language model as a judge. */
export function llmJudge(campaign: Campaign): JudgeOf {
  return (entries, onProgress = () => {}) => judgeEntries(entries, { ...campaign, onProgress });
}

/**
 * Judges pictures.
 *
 * @param entries the pictures, no two of which are to be asked about once
 * @param judge of some of them
 * @param folder the run's
 * @param address of a queue, whose workers run the same command; undefined judges alone
 * @returns all verdicts; undefined when another worker puts them together
 */
export async function judgeAll(
  entries: readonly Entry[],
  judge: JudgeOf,
  folder: string,
  address: string | undefined,
): Promise<Gathered | undefined> {
  return address === undefined ? await judgeAlone(entries, judge) : await judgeFromQueue(entries, judge, folder, address);
}

async function judgeAlone(entries: readonly Entry[], judge: JudgeOf): Promise<Gathered> {
  const progress = showProgress("judge", entries.length);
  const judged = await judge(entries, (done, dollars) => progress.update(done, `${dollars.toFixed(2)} US dollars`));
  progress.stop();
  return { ...judged, finish: () => Promise.resolve() };
}

async function judgeFromQueue(entries: readonly Entry[], judge: JudgeOf, folder: string, address: string): Promise<Gathered | undefined> {
  const work: Work<Entry, Line> = {
    ...{ name: "judge", unit: "pictures", folder, batches: batchesOf(entries, TOGETHER), idOf: nameOf },
    run: async ({ items }) => {
      const { verdicts, ...costs } = await judge(items);
      return verdicts.map((verdict, i) => ({ name: nameOf(items[i]!), verdict, ...(i === 0 && costs) }));
    },
  };
  const worked = await workFromQueue(work, address);
  if (!worked) return;
  const found = new Map<string, Verdict>([
    ...worked.lines.map(({ name, verdict }) => [name, verdict] as const),
    ...worked.problems.map(({ id, reason }) => [id, { unscored: reason }] as const),
  ]);
  const verdicts = entries.map((entry) => found.get(nameOf(entry))!);
  return { verdicts, spent: total(worked.lines, "spent"), cost: total(worked.lines, "cost"), finish: worked.finish };
}

function total(lines: readonly Line[], key: "spent" | "cost"): Cost {
  return lines.map((line) => line[key] ?? FREE).reduce((sum, { prompt, completion, dollars }) => ({
    prompt: sum.prompt + prompt,
    completion: sum.completion + completion,
    dollars: sum.dollars + dollars,
  }), FREE);
}
