/**
 * Judges saved predictions (paper §4.3, Table 2), or the candidates of task `verify` (best-of-3 and Figure 8): by GPT-4o or any
 * compatible vision-language model, or by the tiny world's exact judge. Only saved images are judged; an answer that was paid for
 * is kept, by the content of images, framing, action, prompt and model.
 *
 * @module
 */
import { cacheFolder } from "../lib/engine/mod.ts";
import { UserError } from "../lib/errors.ts";
import { listOf, runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { judgeAll, type Judgement, llmJudge, worldJudge } from "../lib/experiment/judging.ts";
import { shardName } from "../lib/experiment/pipeline.ts";
import { openPools, poolNames, POOLS_FLAG } from "../lib/experiment/pools.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { digestOf, runFolder } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openStage, type Stage, writeSkipped } from "../lib/experiment/stage.ts";
import { openSystems, systemsOverlap } from "../lib/experiment/systems.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo, WORKER_FLAGS } from "../lib/experiment/task.ts";
import { readText, writeFile } from "../lib/files.ts";
import { type Campaign, costText, planCosts } from "../lib/judge/campaign.ts";
import {
  distinctEntries,
  type Entry,
  nameOf,
  readEntries,
  type Shown,
  shownCandidates,
  shownPredictions,
  type Unread,
} from "../lib/judge/entries.ts";
import { type Candidate, type Score, scoreRows, type Verdict } from "../lib/judge/mod.ts";
import { priceOf, requireKey } from "../lib/llm/mod.ts";
import { writeTable } from "../lib/report/mod.ts";
import { writePools } from "../lib/report/pools.ts";
import { shardOf } from "../lib/synthesis/mod.ts";
import { type Problem, type Trajectory, usableTrajectories } from "../lib/trajectories/mod.ts";

const TASK: TaskInfo = {
  name: "judge",
  about: "Judges saved predictions on editing success and minimal editing, 0 to 10 each.",
  sections: ["bench", "judge"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...WORKER_FLAGS, systems: "whose images: copy, DIR, NAME=DIR, separated by commas", ...POOLS_FLAG },
};

/** What was judged, and what came of it. */
interface Judged {
  readonly entries: readonly Entry[];
  readonly unread: readonly Unread[];
  readonly verdicts: readonly Verdict[]; // of the entries
  readonly id: { readonly judge: string; readonly date: string; readonly prompt: string; readonly framing: string };
  readonly paid: Pick<Judgement, "spent" | "cost">;
}

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { judge } = config;
  const isWorld = judge.model === "world";
  const { list, truths, digest } = benchTrajectories(config);
  const { trajectories } = usableTrajectories(list, true);
  const pools = listOf(flags["pools"]);
  const names = listOf(flags["systems"]);
  requireOneKind(pools, names);
  requireShareable(judge, flags["queue"]);
  if (!isWorld && !("dry-run" in flags)) requireKey();
  if (isWorld && truths.size === 0) {
    throw new UserError("Cannot judge real pictures by the tiny world's judge: give --judge.model=gpt-4o-2024-11-20 or another model");
  }

  // 1. Saved pictures, and what judging them will cost
  const own = shardOf(trajectories, flags["shard"] ?? "0/1");
  const shown = pools.length > 0 ? shownCandidates(openPools(pools, config), own) : shownPredictions(openSystems(names), own);
  const reading = showProgress("read", shown.length);
  const { entries, unread } = await readEntries(shown, reading.update);
  reading.stop();
  const stageName = shardName(pools.length > 0 ? "judge-pools" : TASK.name, flags["shard"]);
  const campaign = campaignOf(judge, `${runFolder(config, stageName, flags)}/batches.json`, "restart" in flags);
  const cost = isWorld
    ? `${entries.length} pictures for the tiny world's judge: no calls, no cost`
    : costText(await planCosts(entries, campaign), judge.model, judge.prices, campaign.price !== undefined);
  if ("dry-run" in flags) return console.log(`${cost}\nNothing was asked.`);
  const prompt = digestOf(campaign.protocol.prompt);
  const stage = await openStage(invocation, TASK, {
    stage: stageName,
    sections: ["seed", "data", "bench", "judge"],
    inputs: { bench: digest, entries: digestOf(entries.map((entry) => [nameOf(entry), entry.digest])), prompt },
    overlap: systemsOverlap(pools.length > 0 ? poolNames(pools, config) : names),
  });
  if (!stage) return;
  console.log(cost);

  // 2. Verdicts; what has none says why
  const judgeSome = isWorld ? worldJudge(truths) : llmJudge(campaign);
  const { distinct, places } = isWorld ? { distinct: entries, places: [...entries.keys()] } : distinctEntries(entries);
  const answered = await judgeAll(distinct, judgeSome, stage.folder, flags["queue"]);
  if (!answered) return; // another worker puts it together
  const { spent, cost: inAll, finish } = answered;
  const [paid, verdicts] = [{ spent, cost: inAll }, places.map((place) => answered.verdicts[place]!)];
  const how = isWorld ? { prompt: "none", framing: "none" } : { prompt, framing: judge.framing };
  const judged = { entries, unread, verdicts, paid, id: { judge: judge.model, date: new Date().toISOString().slice(0, 10), ...how } };
  writeSkipped(stage.folder, [
    ...list.problems,
    ...(pools.length > 0 ? missingPools(shown, own) : []),
    ...unread.map(({ shown, reason }) => ({ id: nameOf(shown), reason })),
    ...entries.flatMap((entry, i) =>
      "unscored" in verdicts[i]! ? [{ id: nameOf(entry), reason: `unscored: ${verdicts[i].unscored}` }] : []
    ),
  ]);

  // 3. Of systems the mean of the smaller score with intervals; of pools best-of-3 and Figure 8
  const table = pools.length > 0 ? await finishPools(stage, judged) : finishSystems(stage, judged, names);
  const file = `${stage.folder}/${pools.length > 0 ? "candidates" : "scores"}.jsonl`;
  await finish();
  const silent = verdicts.filter((verdict) => "unscored" in verdict).length;
  if (silent > 0) console.log(`${silent} pictures have no score (skipped.jsonl); --restart asks about these again, and about nothing else`);
  console.log(
    `${table}\n${isWorld ? "" : `\n${paidText(paid, judge.prices)}`}\n  ${file}   every score with its reason`,
  );
}

function requireOneKind(pools: readonly string[], systems: readonly string[]): void {
  if (pools.length === 0 && systems.length === 0) throw new UserError("Cannot judge without systems: give --systems=copy,DIR,NAME=DIR");
  if (pools.length > 0 && systems.length > 0) throw new UserError("Cannot judge systems and pools in one run: give --systems or --pools");
}

/** Workers of a queue know neither each other's spending nor each other's batches. */
function requireShareable({ maxCost, batch }: Config["judge"], queue: string | undefined): void {
  if (queue === undefined || (maxCost === 0 && !batch)) return;
  const key = batch ? "judge.batch" : "judge.maxCost";
  throw new UserError(`Cannot keep ${key} over the workers of a queue, which do not know of each other: leave out --queue, or ${key}`);
}

function campaignOf(judge: Config["judge"], ledger: string, again: boolean): Campaign {
  const { model, framing, detail, maxCost, prices, batch, concurrency, timeout } = judge;
  const price = model === "world" ? undefined : priceOf(prices, model, batch);
  if (maxCost > 0 && !price) throw new UserError(`Cannot keep to ${maxCost} US dollars: ${prices} has no price of ${model}; add it there`);
  const protocol = { prompt: readText(judge.prompt), framing, detail };
  return { protocol, model, price, maxCost, batch, concurrency, timeout, ledger, again, cache: cacheFolder(), onProgress: () => {} };
}

/** Trajectories of the bench that a system has no pool of. */
function missingPools(shown: readonly Shown[], trajectories: readonly Trajectory[]): Problem[] {
  return [...Map.groupBy(shown, ({ system }) => system)].flatMap(([system, own]) => {
    const seen = new Set(own.map(({ trajectory }) => trajectory.id));
    return trajectories.filter(({ id }) => !seen.has(id)).map(({ id }) => ({ id: `${system}: ${id}`, reason: "it has no pool" }));
  });
}

function finishSystems({ folder, note, finish }: Stage, { entries, unread, verdicts, id, paid }: Judged, systems: string[]): string {
  const scored = ({ system, trajectory: { id: name, subset, action } }: Shown, verdict: Verdict): Score => ({
    ...{ system, id: name, subset, action },
    ...verdict,
    ...id,
  });
  const scores = [
    ...entries.map((entry, i) => scored(entry, verdicts[i]!)),
    ...unread.map(({ shown, reason }) => scored(shown, { unscored: reason })), // so that the table says of how many
  ];
  writeFile(`${folder}/scores.jsonl`, scores.map((score) => JSON.stringify(score) + "\n").join(""));
  const rows = scoreRows(scores);
  const table = writeTable(`${folder}/table`, rows, [note, `${describe(id)}.`].filter(Boolean).join(" "));
  finish({ kind: "judgement", ...id, ...paid, systems, scores: rows });
  return table;
}

async function finishPools({ folder, note, finish }: Stage, { entries, unread, verdicts, id, paid }: Judged): Promise<string> {
  const scored = ({ system, candidate }: Shown, verdict: Verdict): Candidate => {
    const scores: Candidate["scores"] = "score" in verdict ? { [id.judge]: verdict.score } : {};
    return { ...candidate!, system, scores, ...verdict };
  };
  const candidates = [
    ...entries.map((entry, i) => scored(entry, verdicts[i]!)),
    ...unread.map(({ shown, reason }) => scored(shown, { unscored: reason })),
  ];
  writeFile(`${folder}/candidates.jsonl`, candidates.map((one) => JSON.stringify(one) + "\n").join(""));
  const { table, curves, pools } = await writePools(folder, candidates, "judge", [note, `${describe(id)}.`].filter(Boolean).join(" "));
  const systems = [...new Set(candidates.map(({ system }) => system!))];
  finish({ kind: "pools", by: "judge", systems, signatures: { [id.judge]: describe(id) }, pools, ...paid, curves });
  return `${table}\n\n${pools.scored} of ${pools.all} pools are scored whole; the others are left out of every number.`;
}

function describe({ judge, date, prompt, framing }: Judged["id"]): string {
  return `Judge ${judge}, ${date}, prompt ${prompt}, framing ${framing}`;
}

function paidText({ spent, cost }: Judged["paid"], prices: string): string {
  return `Spent ${spent.prompt} + ${spent.completion} tokens, ${spent.dollars.toFixed(2)} US dollars by ${prices}; ` +
    `all these answers, those kept from before included, cost ${cost.dollars.toFixed(2)}`;
}

if (import.meta.main) await runTask(TASK, main);
