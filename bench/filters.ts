/**
 * Which number tells right annotations from wrong ones? The filter of paper §3.2 ranks by the dynamics model's likelihood of the action;
 * here other numbers rank the same pairs in the same classes, and the truth of the tiny world says how many of those kept are right.
 *
 * @module
 */
import { openBackend } from "../lib/engine/mod.ts";
import { UserError } from "../lib/errors.ts";
import { exists } from "../lib/files.ts";
import { estimateOverRuns, mean } from "../lib/metrics/statistics.ts";
import { loadAdapter, loadModel, type Model } from "../lib/model/mod.ts";
import { plotLines } from "../lib/report/plot.ts";
import { markdownTable } from "../lib/report/table.ts";
import { type Likelihood, logLikelihoods, type Sampler, textSampler } from "../lib/sample/mod.ts";
import { readPair } from "../lib/synthesis/again.ts";
import { type AnnotatedTrajectory, readAnnotated, stratifiedTopK } from "../lib/synthesis/mod.ts";
import { dynamicsSequence, encodePictures, loadVocabulary, type Vocabulary } from "../lib/tokens/mod.ts";
import { type Action, type Direction, parseAction } from "../lib/world/mod.ts";
import { phrasingsOf } from "../lib/world/phrases.ts";

const BASE = "data/tiny";
const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const COMPARED = [0.2, 0.5]; // shares whose differences get an interval
const PAPERS = "mean a token"; // what task filter ranks by

/** A seed's annotated pairs, and for each rank a number for each pair. */
interface Ranked {
  readonly seed: string;
  readonly pairs: readonly AnnotatedTrajectory[];
  readonly ranks: Readonly<Record<string, readonly number[]>>;
}

/** Runs the bench on the runs of `reproduce --seeds` in a folder; the last line is one JSON object. */
export async function main(folder: string | undefined): Promise<void> {
  const found = folder ? [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).toSorted() : [];
  const runs = found.filter((run) => exists(`${run}/annotate/trajectories.jsonl`) && exists(`${run}/train-cdm/adapter`));
  if (runs.length < 2) throw new UserError("give a folder with two runs of reproduce --seeds: deno task bench filters runs/cwm-plus");
  await openBackend("auto");
  const model = loadModel(BASE, "bfloat16");
  const base = { ...model, vocabulary: loadVocabulary(BASE, model.vqgan.config.codes) };
  const ranked: Ranked[] = [];
  for (const [i, run] of runs.entries()) ranked.push(await rankPairs(base, run, runs[(i + 1) % runs.length]!));
  const curves = Object.keys(ranked[0]!.ranks).map((name) => ({
    name,
    points: SHARES.map((share) => ({ share, right: mean(ranked.map((one) => rightOf(one, name, share))) })),
  }));
  const rows = curves.map(({ name, points }) => ({
    ...{ "ranked by": name },
    ...Object.fromEntries(points.map(({ share, right }) => [`${100 * share} %`, right])),
    ...Object.fromEntries(COMPARED.map((share) => [`of ${100 * share} %, more than ${PAPERS}`, gain(ranked, name, share)])),
  }));
  const lines = curves.flatMap(({ name: line, points }) => points.map(({ share, right }) => ({ line, x: 100 * share, y: 100 * right })));
  await plotLines(`${folder}/filters`, lines, { x: "kept of each class, %", y: "right of those kept, %" });
  console.log(`${markdownTable(rows)}\n\n  ${folder}/filters.png`);
  console.log(JSON.stringify({ bench: "filters", runs: runs.length, pairs: ranked.map(({ pairs }) => pairs.length), rows }));
}

/** The base, which all dynamics models share. */
interface Base extends Model {
  readonly vocabulary: Vocabulary;
}

type Pair = readonly [source: ArrayLike<number>, target: ArrayLike<number>];

/** All numbers of a run's pairs; the dynamics model of another run has learnt other trajectories. */
async function rankPairs(base: Base, run: string, another: string): Promise<Ranked> {
  const pairs = readAnnotated(`${run}/annotate/trajectories.jsonl`);
  if (pairs.some(({ right }) => right === undefined)) {
    throw new UserError(`${run} is of other videos than the tiny world's: of those alone it is known which annotations are right`);
  }
  const { chameleon, vocabulary } = base;
  const modelOf = (run: string) => textSampler(chameleon, vocabulary, loadAdapter(`${run}/train-cdm/adapter`, chameleon.config));
  const [own, other, untrained] = [modelOf(run), modelOf(another), textSampler(chameleon, vocabulary)];
  const forward = await picturesOf(base, `${run}/annotate`, pairs);
  const backward = forward.map(([source, target]): Pair => [target, source]);
  const actions = pairs.map(({ action }) => [action]);
  const inverses = pairs.map(({ action }) => inversesOf(action));
  const ask = (model: Sampler, pictures: readonly Pair[], said: readonly (readonly string[])[]) =>
    likeliest(model, vocabulary, pictures, said);
  const said = ask(own, forward, actions);
  const still = ask(own, forward.map(([source]): Pair => [source, source]), actions);
  const swapped = ask(own, backward, actions);
  const undone = ask(own, backward, inverses.map((inverse, i) => inverse ?? actions[i]!));
  const [byBase, byOther] = [ask(untrained, forward, actions), ask(other, forward, actions)];
  const by = (number: (one: Likelihood, i: number) => number) => said.map(number);
  const ranks = {
    [PAPERS]: by(({ mean }) => mean),
    "sum": by(({ sum }) => sum),
    "least token": by(({ tokens }) => Math.min(...tokens)),
    "ratio to the base": by(({ mean }, i) => mean - byBase[i]!.mean),
    "less 0.3 of a still pair's": by(({ mean }, i) => mean - 0.3 * still[i]!.mean),
    "less 0.3 of the swapped pair's": by(({ mean }, i) => mean - 0.3 * swapped[i]!.mean),
    "with the inverse, swapped": by(({ mean }, i) => mean + (inverses[i] === undefined ? mean : undone[i]!.mean)),
    "with another run's model": by(({ mean }, i) => mean + byOther[i]!.mean),
  };
  return { seed: run, pairs, ranks };
}

/** The codes of both key-frames of each pair. */
async function picturesOf({ vqgan }: Base, folder: string, pairs: readonly AnnotatedTrajectory[]): Promise<Pair[]> {
  const images = await Promise.all(pairs.map(async (pair) => (await readPair(pair, folder)).images));
  const codes = encodePictures(vqgan, images.flat());
  return pairs.map((_, i): Pair => [codes[2 * i]!, codes[2 * i + 1]!]);
}

/** The likelihood of what is said of each pair, of several phrasings the likeliest's. */
function likeliest(
  model: Sampler,
  vocabulary: Vocabulary,
  pairs: readonly Pair[],
  said: readonly (readonly string[])[],
): Likelihood[] {
  const families = pairs.map((pair, i) => said[i]!.map((action) => dynamicsSequence(vocabulary, ...pair, action)));
  return logLikelihoods(model, families).map((own) => own.toSorted((a, b) => b.mean - a.mean)[0]!);
}

/** All ways to say what undoes an action, as far as its words tell. */
function inversesOf(text: string): readonly string[] | undefined {
  const action = parseAction(text);
  const inverse = action && undo(action);
  return inverse && phrasingsOf(inverse);
}

const OPPOSITE: Readonly<Record<Direction, Direction>> = { up: "down", down: "up", left: "right", right: "left" };

/** What undoes an action; its object is called by what it has become. */
function undo(action: Action): Action | undefined {
  switch (action.kind) {
    case "push":
    case "roll":
    case "walk":
      return { ...action, direction: OPPOSITE[action.direction] };
    case "raise":
      return { kind: "lower" };
    case "lower":
      return { kind: "raise" };
    case "recolour":
      return { ...action, object: { ...action.object, colour: action.colour }, colour: action.object.colour };
    case "replace":
      return { ...action, object: { ...action.object, shape: action.shape }, shape: action.object.shape };
    case "add":
      return { kind: "remove", object: action.object };
    case "swap":
      return action;
  }
}

/** The share that is right of what a rank keeps. */
function rightOf(ranked: Ranked, name: string, share: number): number {
  const kept = keptBy(ranked, name, share);
  return mean([...kept].map((i) => Number(ranked.pairs[i]!.right)));
}

function keptBy({ pairs, ranks }: Ranked, name: string, share: number): ReadonlySet<number> {
  const all = pairs.map(({ label }, i) => ({ i, label, score: ranks[name]![i]! }));
  return new Set(stratifiedTopK(all, Math.round(share * all.length)).map(({ i }) => i));
}

/** How much more is right of what a rank keeps than of what the filter keeps, in points, with its 95 % interval over runs and pairs. */
function gain(ranked: readonly Ranked[], name: string, share: number): string {
  const runs = ranked.map((one) => {
    const [kept, papers] = [keptBy(one, name, share), keptBy(one, PAPERS, share)];
    const worth = 100 * one.pairs.length / papers.size; // so that the mean over pairs is a difference of shares
    const value = (i: number) => Number(one.pairs[i]!.right) * worth * (Number(kept.has(i)) - Number(papers.has(i)));
    return new Map(one.pairs.map(({ id }, i) => [`${one.seed} ${id}`, value(i)]));
  });
  const { mean, interval: [from, to] } = estimateOverRuns(runs);
  return `${mean.toFixed(1)} (${from.toFixed(1)} … ${to.toFixed(1)})`;
}
