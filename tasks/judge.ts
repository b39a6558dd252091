/**
 * Judges saved predictions (paper §4.3, Table 2): by GPT-4o or any compatible vision-language model, or by the tiny world's exact
 * judge. Only saved images are judged; an answer that was paid for is kept, by the content of images, action, prompt and model.
 *
 * @module
 */
import { cacheFolder } from "../lib/engine/mod.ts";
import { UserError } from "../lib/errors.ts";
import { listOf, runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { shardName } from "../lib/experiment/pipeline.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { digestOf, runFolder } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openStage, writeSkipped } from "../lib/experiment/stage.ts";
import { openSystems, systemsOverlap } from "../lib/experiment/systems.ts";
import { BENCH_FLAG, type Invocation, SHARD_FLAG, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { exists, readText, writeFile } from "../lib/files.ts";
import { type JudgedPicture, judgePictures, type Score, scoreRows, type System, type Verdict } from "../lib/judge/mod.ts";
import {
  type Answer,
  askAll,
  askBatch,
  type ChatOptions,
  dollarsOf,
  expectedTokens,
  NOT_ASKED,
  type Price,
  priceOf,
  requireKey,
  type Usage,
} from "../lib/llm/mod.ts";
import { writeTable } from "../lib/report/mod.ts";
import { shardOf } from "../lib/synthesis/mod.ts";
import { encodePng, type RgbImage } from "../lib/tokens/mod.ts";
import { type Problem, type Trajectory, usableTrajectories } from "../lib/trajectories/mod.ts";
import { judgePicture, type WorldTrajectory } from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "judge",
  about: "Judges saved predictions on editing success and minimal editing, 0 to 10 each.",
  sections: ["bench", "judge"],
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, ...SHARD_FLAG, systems: "whose images: copy, DIR, NAME=DIR, separated by commas" },
};

/** A picture of a system. */
interface Entry {
  readonly system: string;
  readonly trajectory: Trajectory;
  readonly picture: RgbImage;
}

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  const { config, flags } = invocation;
  const { judge } = config;
  const { list, truths, digest } = benchTrajectories(config);
  const { trajectories } = usableTrajectories(list, true);
  const names = listOf(flags["systems"]);
  if (names.length === 0) throw new UserError("Cannot judge without systems: give --systems=copy,DIR,NAME=DIR");
  if (judge.model === "world" && truths.size === 0) {
    throw new UserError("Cannot judge real pictures by the tiny world's judge: give --judge.model=gpt-4o-2024-11-20 or another model");
  }

  // 1. Saved pictures
  const problems: Problem[] = [...list.problems];
  const entries = await readEntries(openSystems(names), shardOf(trajectories, flags["shard"] ?? "0/1"), problems);
  const prompt = readText(judge.prompt);
  if ("dry-run" in flags) return console.log(await costText(entries, prompt, judge));
  if (judge.model !== "world") requireKey();
  const folder = runFolder(config, shardName(TASK.name, flags["shard"]), flags);
  const inputs = {
    bench: digest,
    entries: digestOf(entries.map(({ system, trajectory, picture }) => [system, trajectory.id, digestOf([...picture.data])])),
    prompt: digestOf(prompt),
  };
  const stage = await openStage(invocation, TASK, { sections: ["seed", "data", "bench", "judge"], inputs, overlap: systemsOverlap(names) });
  if (!stage) return;

  // 2. Verdicts
  const spent = { prompt: 0, completion: 0, dollars: 0 };
  const verdicts = judge.model === "world"
    ? entries.map(({ trajectory, picture }) => worldVerdict(truths.get(trajectory.id)!, picture))
    : await askVerdicts(entries, prompt, judge, spent, `${folder}/batches.json`);
  const id = { judge: judge.model, date: new Date().toISOString().slice(0, 10), prompt: judge.model === "world" ? "none" : inputs.prompt };
  const scores = entries.map(({ system, trajectory: { id: name, subset, action } }, i): Score => ({
    ...{ system, id: name, subset, action },
    ...verdicts[i],
    ...id,
  }));
  writeFile(`${folder}/scores.jsonl`, scores.map((score) => JSON.stringify(score) + "\n").join(""));
  for (const { system, id: name, unscored } of scores) {
    if (unscored) problems.push({ id: `${system}: ${name}`, reason: `unscored: ${unscored}` });
  }
  writeSkipped(folder, problems);

  // 3. The mean over samples of the smaller score, with intervals
  const rows = scoreRows(scores);
  const table = writeTable(`${folder}/table`, rows, stage.note);
  stage.finish({ kind: "judgement", ...id, spent, systems: names, scores: rows });
  const cost = spent.prompt === 0
    ? ""
    : `\nSpent ${spent.prompt} + ${spent.completion} tokens, ${spent.dollars.toFixed(2)} US dollars by ${judge.prices}`;
  console.log(
    `${table}\n\nJudge ${id.judge}, ${id.date}, prompt ${id.prompt}${cost}\n  ${folder}/scores.jsonl   every score with its reason`,
  );
}

async function readEntries(systems: readonly System[], trajectories: readonly Trajectory[], problems: Problem[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const system of systems) {
    for (const trajectory of trajectories) {
      const picture = await system.predict(trajectory).catch((error: Error) =>
        void problems.push({ id: `${system.name}: ${trajectory.id}`, reason: error.message })
      );
      if (picture) entries.push({ system: system.name, trajectory, picture });
      else if (problems.at(-1)?.id !== `${system.name}: ${trajectory.id}`) {
        problems.push({ id: `${system.name}: ${trajectory.id}`, reason: "it has no prediction" });
      }
    }
  }
  return entries;
}

function worldVerdict({ before, after }: WorldTrajectory, picture: RgbImage): Verdict {
  const { success, minimal, reasons } = judgePicture(before, after, picture);
  return { success, minimal, score: Math.min(success, minimal), reason: reasons.join(" ") };
}

/** The model's verdicts; asking ends when the budget is spent. */
async function askVerdicts(
  entries: readonly Entry[],
  prompt: string,
  { model, prices, maxCost, concurrency, batch }: Config["judge"],
  spent: { prompt: number; completion: number; dollars: number },
  ledger: string,
): Promise<Verdict[]> {
  const price = priceOf(prices, model, batch);
  if (maxCost > 0 && !price) throw new UserError(`Cannot keep to ${maxCost} US dollars: ${prices} has no price of ${model}; add it there`);
  if (maxCost > 0 && batch && !exists(ledger)) await requireBudget(entries, prompt, price!, maxCost);
  const pictures = await Promise.all(entries.map(async ({ trajectory, picture }): Promise<JudgedPicture> => ({
    action: trajectory.action,
    source: await encodePng(await trajectory.source.load()),
    prediction: await encodePng(picture),
  })));
  const progress = showProgress("judge", pictures.length);
  const pay = (answer: Answer) => {
    const { prompt, completion } = "cached" in answer && answer.cached ? NOTHING : answer.usage ?? NOTHING;
    spent.prompt += prompt;
    spent.completion += completion;
    spent.dollars = price ? dollarsOf(spent, price) : 0;
  };
  const onAnswer: NonNullable<ChatOptions["onAnswer"]> = (done, answer) => {
    pay(answer);
    progress.update(Math.min(done, pictures.length), `${spent.dollars.toFixed(2)} US dollars`);
    return maxCost === 0 || spent.dollars < maxCost;
  };
  const chat = { model, cache: cacheFolder(), concurrency };
  const verdicts = await judgePictures(pictures, prompt, async (questions) => {
    if (maxCost > 0 && spent.dollars >= maxCost) return questions.map(() => ({ failure: NOT_ASKED }));
    if (!batch) return await askAll(questions, { ...chat, onAnswer });
    const answers = await askBatch(questions, { ...chat, ledger, onLook: (done) => progress.update(done, "answered") });
    answers.forEach(pay);
    return answers;
  });
  progress.stop();
  return verdicts;
}

const NOTHING: Usage = { prompt: 0, completion: 0 };

async function requireBudget(entries: readonly Entry[], prompt: string, price: Price, maxCost: number): Promise<void> {
  const dollars = dollarsOf(await expectedUsage(entries, prompt), price);
  if (dollars <= maxCost) return;
  throw new UserError(`Cannot submit the batch: it would cost about ${dollars.toFixed(2)} US dollars, judge.maxCost is ${maxCost}`);
}

/** Calls, tokens and price, before anything is asked. */
async function costText(entries: readonly Entry[], prompt: string, { model, prices, batch }: Config["judge"]): Promise<string> {
  if (model === "world") return `${entries.length} pictures for the tiny world's judge: no calls, no cost`;
  const usage = await expectedUsage(entries, prompt);
  const price = priceOf(prices, model, batch);
  const dollars = price ? `${dollarsOf(usage, price).toFixed(2)} US dollars by ${prices}` : `no price of ${model} in ${prices}`;
  return `${entries.length} calls of ${model}, about ${usage.prompt} + ${usage.completion} tokens, ${dollars}\nNothing was asked.`;
}

async function expectedUsage(entries: readonly Entry[], prompt: string): Promise<Usage> {
  let [asked, answered] = [0, 0];
  for (const { trajectory, picture } of entries) {
    const source = await trajectory.source.load();
    const tokens = expectedTokens(prompt + trajectory.action, [[source.width, source.height], [picture.width, picture.height]]);
    asked += tokens.prompt;
    answered += tokens.completion;
  }
  return { prompt: asked, completion: answered };
}

if (import.meta.main) await runTask(TASK, main);
