/**
 * The blind evaluation by people (paper §4.3, A.9, Table 7): `serve` shows the page to invited participants, `analyse` says what
 * they said.
 *
 * @module
 */
import { unlessOfDisk, UserError } from "../lib/errors.ts";
import { listOf, runTask } from "../lib/experiment/cli.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { exists, readJson, writeFile } from "../lib/files.ts";
import {
  agreement,
  agreementText,
  createStudy,
  fleissKappa,
  openStudy,
  peopleDifferences,
  peopleScores,
  type Pictures,
  readVotes,
  SOURCE_PICTURE,
  studyHandler,
  type StudyItem,
  studyItems,
  studySystems,
  type Vote,
} from "../lib/human/mod.ts";
import type { System } from "../lib/judge/mod.ts";
import { COPY } from "../lib/judge/systems.ts";
import { type TableRow, writeTable } from "../lib/report/mod.ts";
import { digestOf, openRun, runFolder } from "../lib/experiment/run.ts";
import type { Config } from "../lib/experiment/schema.ts";
import { openSystems, picturesDigest, systemsOverlap } from "../lib/experiment/systems.ts";
import { BENCH_FLAG, type Invocation, STAGE_SWITCHES, type TaskInfo } from "../lib/experiment/task.ts";
import { overlapNote, requireNoOverlap } from "../lib/experiment/overlap.ts";
import { encodePng, squareCrop } from "../lib/tokens/mod.ts";
import { type Trajectory, usableTrajectories } from "../lib/trajectories/mod.ts";
import { keptSecrets, listen } from "../lib/web/mod.ts";

const TASK: TaskInfo = {
  name: "human-eval",
  about: "A blind evaluation by people: serve shows pages to the invited, analyse says what they said.",
  sections: ["bench", "humanEval"],
  verbs: { serve: "show the pages; the default", analyse: "tables of the votes" },
  switches: STAGE_SWITCHES,
  flags: { ...BENCH_FLAG, systems: "whose images: DIR, NAME=DIR, copy, separated by commas" },
};

/** Runs the task. */
async function main(invocation: Invocation): Promise<void> {
  return invocation.verb === "analyse" ? analyse(invocation) : await serve(invocation);
}

async function serve({ config, flags }: Invocation): Promise<void> {
  const { protocol, perSubset, participants, hostname, port } = config.humanEval;
  const folder = runFolder(config, "human-eval", flags);
  const given = listOf(flags["systems"]);
  const systems = openSystems(given);
  if (systems.length < 2) throw new UserError("Cannot compare fewer than two systems: give --systems=DIR,DIR");
  const { trajectories } = usableTrajectories(benchTrajectories(config).list, true);
  const overlap = systemsOverlap(given);
  requireNoOverlap(overlap, flags);
  const whole = await comparable(trajectories, systems);
  const items = studyItems(whole, protocol, perSubset, config.seed);
  console.log(`${whole.length} of ${trajectories.length} trajectories have a picture of every system`);
  console.log(planText(items, config.humanEval));
  if ("dry-run" in flags) return;

  const invites = keptSecrets(`${folder}/invites.txt`, participants);
  const names = systems.map(({ name }) => name);
  const pictures = await picturesDigest([COPY, ...systems], items); // sources are shown, too
  const study = createStudy(`${folder}/study.db`, { systems: names, items, invites, perSubset, seed: config.seed, pictures });
  writeFile(`${folder}/overlap.json`, JSON.stringify(overlap)); // for the tables of analyse
  const server = listen({ section: "humanEval", hostname, port }, studyHandler(study, picturesOf(trajectories, systems)));
  console.log(invites.map((secret) => `http://${hostname}:${server.addr.port}/#${secret}`).join("\n"));
  console.log(`One link for each participant; ${folder}/study.db keeps the votes. Stop with Ctrl-C.`);
  Deno.addSignalListener("SIGINT", () => void server.shutdown());
  await server.finished;
  study.close();
}

/** How many votes there will be, and of what. */
function planText(items: readonly StudyItem[], { protocol, perSubset, participants }: Config["humanEval"]): string {
  const subsets = [...Map.groupBy(items, ({ subset }) => subset).values()];
  const each = subsets.reduce((sum, { length }) => sum + Math.min(length, perSubset), 0);
  const which = protocol === "paper" ? `the same ${each} items` : `${each} of ${items.length} items`;
  return `${participants} participants see ${which} each: ${participants * each} votes (humanEval.protocol ${protocol})`;
}

/** Trajectories that every system has a picture for. */
async function comparable(trajectories: readonly Trajectory[], systems: readonly System[]): Promise<Trajectory[]> {
  const has = (system: System, trajectory: Trajectory) =>
    system.predict(trajectory).then((picture) => picture !== undefined, unlessOfDisk(false));
  const whole: Trajectory[] = [];
  for (const trajectory of trajectories) { // one by one: all pictures at once take gigabytes
    if ((await Promise.all(systems.map((system) => has(system, trajectory)))).every(Boolean)) whole.push(trajectory);
  }
  return whole;
}

/** Pictures as the page shows them: their middle squares, for a system's framing would give it away. */
function picturesOf(trajectories: readonly Trajectory[], systems: readonly System[]): Pictures {
  const byId = new Map(trajectories.map((trajectory) => [trajectory.id, trajectory]));
  const byName = new Map(systems.map((system) => [system.name, system]));
  return async (id, name) => {
    const trajectory = byId.get(id)!;
    const picture = name === SOURCE_PICTURE ? await trajectory.source.load() : await byName.get(name)!.predict(trajectory);
    return await encodePng(squareCrop(picture!, Math.min(picture!.width, picture!.height))) as Uint8Array<ArrayBuffer>;
  };
}

/** Table 7 and what stands behind it. */
function analyse({ config, flags }: Invocation): void {
  const folder = runFolder(config, "human-eval", flags);
  if (!exists(`${folder}/study.db`)) throw new UserError(`Cannot analyse ${folder}: there is no study.db; run human-eval serve first`);
  const study = openStudy(`${folder}/study.db`);
  const [votes, systems] = [readVotes(study), studySystems(study)];
  study.close();
  if (votes.length === 0) throw new UserError(`Cannot analyse ${folder}: nobody has voted yet`);
  const to = `${folder}/analysis`;
  const inputs = { votes: digestOf(votes) };
  const overlap = exists(`${folder}/overlap.json`) ? Number(readJson(`${folder}/overlap.json`)) || 0 : 0;
  const run = openRun({ task: TASK.name, folder: to, config, sections: [], inputs, overlap, restart: true });
  const note = overlapNote(overlap);
  const table = writeTable(`${to}/table`, tableOf(votes, systems), note);
  const tests = writeTable(`${to}/tests`, testsOf(votes, systems), note);
  writeTable(`${to}/votes`, anonymous(votes));
  const [agreed, kappa] = [agreement(votes), agreement(votes, fleissKappa)];
  const [raters, items] = (["participant", "trajectory"] as const).map((key) => new Set(votes.map((vote) => vote[key])).size);
  run.finish({ kind: "people", votes: votes.length, raters: raters!, items: items!, agreement: agreed, kappa });
  console.log(`${table}\n\n${tests}\n\n${votes.length} votes of ${raters} participants on ${items} items`);
  console.log(`${agreementText(agreed, kappa)}\n  ${to}/votes.csv   every vote`);
}

/** Every pair of systems, over votes, and over items with the mean of their raters. */
function testsOf(votes: readonly Vote[], systems: readonly string[]): TableRow[] {
  const byItem = peopleDifferences(votes, systems, "item");
  return peopleDifferences(votes, systems).map(({ system, against, difference, p, corrected }, i) => ({
    ...{ system, against, difference: difference.mean, from: difference.interval[0], to: difference.interval[1] },
    ...{ p, "p, Holm": corrected, "p over items, Holm": byItem[i]!.corrected },
  }));
}

/** A row for each system, a column for each subset. */
function tableOf(votes: readonly Vote[], systems: readonly string[]): TableRow[] {
  const scores = peopleScores(votes, systems);
  return systems.map((system) => {
    const own = scores.filter((score) => score.system === system);
    const [from, to] = own[0]!.score.interval;
    return {
      ...{ system, ...Object.fromEntries(own.map(({ subset, score }) => [subset, score.mean])) },
      ...{ "95 %": `${from.toFixed(2)} … ${to.toFixed(2)}`, votes: own[0]!.score.n },
    };
  });
}

/** Votes with a number instead of a code. */
function anonymous(votes: readonly Vote[]): TableRow[] {
  const raters = [...new Set(votes.map(({ participant }) => participant))];
  return votes.map(({ participant, trajectory, subset, best, worst }) => ({
    ...{ rater: raters.indexOf(participant) + 1, trajectory, subset, best, worst },
  }));
}

if (import.meta.main) await runTask(TASK, main);
