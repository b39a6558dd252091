/**
 * Judges saved predictions (paper §4.3, Table 2): by GPT-4o or any compatible model with eyes, or by the tiny world's exact
 * judge. Only saved images are judged; an answer that was paid for is kept, by the content of images, action, prompt and model.
 *
 * @module
 */
import { type Invocation, runTask, type TaskInfo } from "../lib/cli.ts";
import type { Config } from "../lib/config.ts";
import { benchTrajectories } from "../lib/data.ts";
import { readJson, writeFile } from "../lib/files.ts";
import {
  type ChatOptions,
  estimate,
  expectedTokens,
  type JudgedPicture,
  judgePictures,
  openSystem,
  type Price,
  requireKey,
  type Usage,
  type Verdict,
} from "../lib/judge/mod.ts";
import { writeTable } from "../lib/report/mod.ts";
import { digestOf, finishedText, openRun, runFolder, showProgress, writeSkipped } from "../lib/run.ts";
import { cacheFolder } from "../lib/tensor/mod.ts";
import { encodePng, type RgbImage } from "../lib/tokens/mod.ts";
import { type Problem, type Trajectory, usableTrajectories } from "../lib/trajectories/mod.ts";
import { judgePicture, type WorldTrajectory } from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "judge",
  about: "Judges saved predictions on editing success and minimal editing, 0 to 10 each.",
  sections: ["data", "judge"],
  flags: { systems: "whose pictures: copy, DIR, NAME=DIR, with commas between", bench: "an AURORA list, as --data.aurora" },
};

/** A picture of a system. */
interface Entry {
  readonly system: string;
  readonly trajectory: Trajectory;
  readonly picture: RgbImage;
}

/** Runs the task. */
export async function main({ config: given, flags }: Invocation): Promise<void> {
  const config = flags["bench"] ? { ...given, data: { ...given.data, aurora: flags["bench"] } } : given;
  const { judge } = config;
  const { list, world } = benchTrajectories(config, judge.bench);
  const { trajectories } = usableTrajectories(list, true);
  const names = (flags["systems"] ?? "").split(",").filter((name) => name !== "");
  if (names.length === 0) throw new Error("Cannot judge without systems: give --systems=copy,DIR,NAME=DIR");
  if (judge.model === "world" && !world) {
    throw new Error("Cannot judge real pictures by the tiny world's judge: give --judge.model=gpt-4o-2024-11-20 or another model");
  }

  // 1. Saved pictures
  const problems: Problem[] = [...list.problems];
  const entries = await readEntries(names, trajectories, problems);
  const prompt = Deno.readTextFileSync(judge.prompt);
  if ("dry-run" in flags) return console.log(await costText(entries, prompt, judge.model, judge.prices));
  if (judge.model !== "world") requireKey();
  const folder = runFolder(config, "judge", flags);
  const inputs = {
    entries: digestOf(entries.map(({ system, trajectory, picture }) => [system, trajectory.id, digestOf([...picture.data])])),
    prompt: digestOf(prompt),
  };
  const run = openRun({ task: TASK.name, stage: "judge", config, sections: ["data", "judge"], inputs, flags });
  if (run.finished) return console.log(`${Deno.readTextFileSync(`${folder}/table.md`)}\n${finishedText(folder)}`);

  // 2. Verdicts
  const spent = { prompt: 0, completion: 0, dollars: 0 };
  const truths = new Map(world?.map((trajectory) => [trajectory.id, trajectory]));
  const verdicts = judge.model === "world"
    ? entries.map(({ trajectory, picture }) => worldVerdict(truths.get(trajectory.id)!, picture))
    : await askVerdicts(entries, prompt, judge, spent);
  const id = { judge: judge.model, date: new Date().toISOString().slice(0, 10), prompt: judge.model === "world" ? "none" : inputs.prompt };
  const lines = entries.map(({ system, trajectory: { id: name, subset, action } }, i) => ({
    system,
    id: name,
    subset,
    action,
    ...verdicts[i],
    ...id,
  }));
  writeFile(`${folder}/scores.jsonl`, lines.map((line) => JSON.stringify(line) + "\n").join(""));
  for (const line of lines) {
    if ("unscored" in line) problems.push({ id: `${line.system}: ${line.id}`, reason: `unscored: ${line.unscored}` });
  }
  writeSkipped(folder, problems);

  // 3. The mean over samples of the smaller score, with intervals
  const table = writeTable(`${folder}/table`, tableRows(entries, verdicts));
  run.finish({ ...id, spent, systems: tableRows(entries, verdicts) });
  const cost = spent.prompt === 0
    ? ""
    : `\nSpent ${spent.prompt} + ${spent.completion} tokens, ${spent.dollars.toFixed(2)} US dollars by ${judge.prices}`;
  console.log(
    `${table}\n\nJudge ${id.judge}, ${id.date}, prompt ${id.prompt}${cost}\n  ${folder}/scores.jsonl   every score with its reason`,
  );
}

async function readEntries(names: readonly string[], trajectories: readonly Trajectory[], problems: Problem[]): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const system of names.map(openSystem)) {
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
  { model, prices, maxCost, concurrency }: Config["judge"],
  spent: { prompt: number; completion: number; dollars: number },
): Promise<Verdict[]> {
  const price = priceOf(prices, model);
  const pictures: JudgedPicture[] = [];
  for (const { trajectory, picture } of entries) {
    pictures.push({
      action: trajectory.action,
      source: await encodePng(await trajectory.source.load()),
      prediction: await encodePng(picture),
    });
  }
  const progress = showProgress("judge", pictures.length);
  const onAnswer: NonNullable<ChatOptions["onAnswer"]> = (done, answer) => {
    const usage: Usage = "cached" in answer && answer.cached ? { prompt: 0, completion: 0 } : answer.usage ?? { prompt: 0, completion: 0 };
    spent.prompt += usage.prompt;
    spent.completion += usage.completion;
    spent.dollars = price ? (spent.prompt * price.prompt + spent.completion * price.completion) / 1e6 : 0;
    progress.update(Math.min(done, pictures.length), `${spent.dollars.toFixed(2)} US dollars`);
    return maxCost === 0 || spent.dollars < maxCost;
  };
  if (maxCost > 0 && !price) throw new Error(`Cannot keep to ${maxCost} US dollars: ${prices} has no price of ${model}; add it there`);
  const verdicts = await judgePictures(pictures, prompt, { model, cache: cacheFolder(), concurrency, onAnswer });
  progress.stop();
  return verdicts;
}

function priceOf(path: string, model: string): Price | undefined {
  return (readJson(path) as { models: Record<string, Price> }).models[model];
}

/** Calls, tokens and price, before anything is asked. */
async function costText(entries: readonly Entry[], prompt: string, model: string, prices: string): Promise<string> {
  if (model === "world") return `${entries.length} pictures for the tiny world's judge: no calls, no cost`;
  let [asked, answered] = [0, 0];
  for (const { trajectory, picture } of entries) {
    const source = await trajectory.source.load();
    const tokens = expectedTokens(prompt + trajectory.action, [[source.width, source.height], [picture.width, picture.height]]);
    asked += tokens.prompt;
    answered += tokens.completion;
  }
  const price = priceOf(prices, model);
  const dollars = price
    ? `${((asked * price.prompt + answered * price.completion) / 1e6).toFixed(2)} US dollars by ${prices}`
    : `no price of ${model} in ${prices}`;
  return `${entries.length} calls of ${model}, about ${asked} + ${answered} tokens, ${dollars}\nNothing was asked.`;
}

function tableRows(entries: readonly Entry[], verdicts: readonly Verdict[]) {
  const all = entries.map(({ system, trajectory: { subset } }, i) => ({ system, subset, verdict: verdicts[i]! }));
  return [...Map.groupBy(all, ({ system }) => system)].flatMap(([system, own]) =>
    [["all", own] as const, ...Map.groupBy(own, ({ subset }) => subset)].map(([subset, list]) => {
      const scored = list.flatMap(({ verdict }) => "score" in verdict ? [verdict] : []);
      const of = (key: "score" | "success" | "minimal") => scored.length === 0 ? null : estimate(scored.map((verdict) => verdict[key]));
      const score = of("score");
      return {
        ...{ system, subset, score: score?.mean ?? null, from: score?.interval[0] ?? null, to: score?.interval[1] ?? null },
        ...{ "editing success": of("success")?.mean ?? null, "minimal editing": of("minimal")?.mean ?? null },
        scored: `${scored.length} of ${list.length}`,
      };
    })
  );
}

if (import.meta.main) await runTask(TASK, main);
