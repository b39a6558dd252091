/**
 * The preference probe (paper §2): does a model find true transitions likelier than manipulated ones?
 *
 * @module
 */
import { pearson, wilson } from "../metrics/mod.ts";
import {
  type Likelihood,
  type LikelihoodKind,
  logLikelihoods,
  type Look,
  lookAtTrajectories,
  picturePairs,
  type Reader,
  type Sampler,
  scoreOf,
} from "../sample/mod.ts";
import { dynamicsSequence, type Sequence, worldSequence } from "../tokens/mod.ts";
import { type Negative, NEGATIVES, negativesOf, type ScoredTransition } from "./negatives.ts";
import type { EncodedTrajectory } from "../trajectories/mod.ts";

/** What is asked of a model: the action given two images, or the next observation given one and an action. */
export const PROBE_TASKS = ["action", "observation"] as const;
/** What is asked of a model. */
export type ProbeTask = typeof PROBE_TASKS[number];

/** Models to probe. */
export interface ProbedModel extends Reader {
  /** Draws and scores image tokens, over those alone or over the whole vocabulary. */
  readonly image: Sampler;
}

/** Likelihoods of one trajectory, true and manipulated. */
export interface ProbePoint {
  /** The trajectory. */
  readonly id: string;
  /** Its subset. */
  readonly subset: string;
  /** What was asked. */
  readonly task: ProbeTask;
  /** The manipulation. */
  readonly negative: Negative;
  /** Log-likelihood of the true transition, a token on average or in all. */
  readonly reference: number;
  /** The same of the manipulated one. */
  readonly manipulated: number;
}

/** How a probe compares. */
export interface ProbeOptions {
  /** Mean a token, or sum. */
  readonly likelihood?: LikelihoodKind;
  /** Told how many trajectories are done. */
  readonly onDone?: (done: number) => void;
}

/**
 * Scores trajectories and their manipulations on both tasks.
 *
 * @param model what to probe
 * @param items true trajectories
 * @param counterfactuals contradicting actions by trajectory id
 * @param seed of the random actions
 * @param options of the comparison: mean a token by default, or sum; told how many trajectories are done
 * @returns a point for each trajectory, task and manipulation
 *
 * @example Two tasks, three manipulations
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const { chameleon, vqgan } = ws.loadModel("data/tiny", "float32");
 * const vocabulary = ws.loadVocabulary("data/tiny", 1000);
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * const models = { text: ws.textSampler(chameleon, vocabulary), image: ws.imageSampler(chameleon, vocabulary), vqgan, vocabulary };
 * const points = await ws.probe.probe(models, encoded, new Map(), 1);
 * assert(points.length >= 2 * 2 * 2);
 * ```
 */
export async function probe(
  model: ProbedModel,
  items: readonly EncodedTrajectory[],
  counterfactuals: ReadonlyMap<string, string>,
  seed: number,
  { likelihood = "mean", onDone }: ProbeOptions = {},
): Promise<ProbePoint[]> {
  const negatives = negativesOf(items, counterfactuals, seed);
  const points: ProbePoint[] = [];
  for (let i = 0; i < items.length; i += BATCH) {
    const chunk = items.slice(i, i + BATCH);
    using look = await lookAtTrajectories(model, chunk);
    for (const task of PROBE_TASKS) {
      const transitions = chunk.map((item, j) => ({ reference: truthOf(item), ...negatives[i + j] }));
      const likelihoods = scoreTransitions(task === "action" ? dynamicsScorer(look, chunk) : worldScorer(model), transitions);
      chunk.forEach(({ trajectory: { id, subset } }, j) => {
        const { reference, ...others } = likelihoods[j]!;
        for (const negative of NEGATIVES) {
          const manipulated = others[negative];
          if (!manipulated) continue;
          const [truth, other] = [scoreOf(reference!, likelihood), scoreOf(manipulated, likelihood)];
          points.push({ id, subset, task, negative, reference: truth, manipulated: other });
        }
      });
    }
    onDone?.(Math.min(items.length, i + BATCH));
  }
  return points;
}

const BATCH = 16; // trajectories scored together

function truthOf({ source, target, trajectory: { action } }: EncodedTrajectory): ScoredTransition {
  return { source, action, target };
}

/** Who is asked how likely transitions are, and in which words. */
interface Scorer {
  readonly sampler: Sampler;
  readonly sequence: (transition: ScoredTransition) => Sequence;
}

/** Asks for the action between two pictures of a look at trajectories. */
function dynamicsScorer(look: Look, items: readonly EncodedTrajectory[]): Scorer {
  const seen = new Map<ArrayLike<number>, ArrayLike<number>>();
  picturePairs(look).forEach((pair, i) => seen.set(items[i]!.source, pair.source).set(items[i]!.target, pair.target));
  return {
    sampler: look.text,
    sequence: ({ source, action, target }) => dynamicsSequence(look.vocabulary, seen.get(source)!, seen.get(target)!, action),
  };
}

/** Asks for the next picture. */
function worldScorer({ image, vocabulary }: ProbedModel): Scorer {
  return { sampler: image, sequence: ({ source, action, target }) => worldSequence(vocabulary, source, action, target) };
}

/** Likelihoods of transitions by name; those of a trajectory share what their prompts begin with. */
function scoreTransitions(
  { sampler, sequence }: Scorer,
  named: readonly Readonly<Partial<Record<"reference" | Negative, ScoredTransition>>>[],
): Partial<Record<string, Likelihood>>[] {
  const together = named.map((transitions) => { // the inverse begins with another image: it goes by itself
    const { inverse, ...rest } = transitions;
    return { rest: Object.entries(rest), inverse: inverse ? [["inverse", inverse] as const] : [] };
  });
  const families = together.flatMap(({ rest, inverse }) => [rest, inverse].filter(({ length }) => length > 0));
  const scored = logLikelihoods(sampler, families.map((family) => family.map(([, transition]) => sequence(transition))));
  let next = 0;
  return together.map(({ rest, inverse }) => {
    const own = [rest, inverse].filter(({ length }) => length > 0).flatMap((family) => {
      const likelihoods = scored[next++]!;
      return family.map(([name], k) => [name, likelihoods[k]!] as const);
    });
    return Object.fromEntries(own);
  });
}

/** How a manipulation fares. */
export interface Preference {
  /** Share of trajectories whose true transition is likelier. */
  readonly prefersReference: number;
  /** 95 % interval of that share (Wilson 1927). */
  readonly interval: readonly [number, number];
  /** Pearson's correlation of the two likelihoods; null when one does not vary. */
  readonly pearson: number | null;
  /** Trajectories. */
  readonly n: number;
}

/**
 * Share, interval and correlation of some points.
 *
 * @param points of one task and manipulation
 * @returns share, interval, correlation, and how many
 *
 * @example Always preferred
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const point = { id: "1", subset: "ag", task: "action", negative: "copy", reference: -1, manipulated: -2 } as const;
 * assertEquals(ws.probe.preferenceOf([point]).prefersReference, 1);
 * ```
 */
export function preferenceOf(points: readonly ProbePoint[]): Preference {
  const n = points.length;
  const share = points.filter(({ reference, manipulated }) => reference > manipulated).length / n;
  return {
    prefersReference: share,
    interval: wilson(share, n),
    pearson: pearson(points.map(({ reference }) => reference), points.map(({ manipulated }) => manipulated)),
    n,
  };
}

/** A preference with what it is of. */
export type NamedPreference = Preference & Pick<ProbePoint, "subset" | "task" | "negative">;

/**
 * Preferences of every subset and of all together ("all"), by task and manipulation; what has no point is left out.
 *
 * @param points of all tasks and manipulations
 * @returns a preference for each that has points
 *
 * @example All, and each subset
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const point = { id: "1", subset: "ag", task: "action", negative: "copy", reference: -1, manipulated: -2 } as const;
 * assertEquals(ws.probe.preferencesBySubset([point]).map(({ subset }) => subset), ["all", "ag"]);
 * ```
 */
export function preferencesBySubset(points: readonly ProbePoint[]): NamedPreference[] {
  const subsets = ["all", ...new Set(points.map(({ subset }) => subset))];
  return subsets.flatMap((subset) =>
    PROBE_TASKS.flatMap((task) =>
      NEGATIVES.flatMap((negative) => {
        const own = points.filter((point) =>
          point.task === task && point.negative === negative && (subset === "all" || point.subset === subset)
        );
        return own.length > 0 ? [{ subset, task, negative, ...preferenceOf(own) }] : [];
      })
    )
  );
}
