/**
 * The paper's claims: what was measured, and what holds. A claim that fails is said to fail; one that could not be measured says what it
 * needs.
 *
 * @module
 */
import { FILTER_RESULT, IMAGES_RESULT, PROBE_RESULT, readResult } from "../experiment/results.ts";
import { scoresBySystem } from "../judge/mod.ts";
import { readScores } from "../judge/scores_file.ts";
import { type Estimate, estimate, mean, pairedDifferences, pairedTest, pairedValues } from "../metrics/mod.ts";
import { verified } from "./pools.ts";
import type { TableRow } from "./table.ts";

/** A claim of the paper in one run. */
export interface Claim {
  /** The paper's section, and what it says. */
  readonly claim: string;
  /** What was measured, or "not measured: needs …". */
  readonly found: string;
  /** Whether it holds, or "not measured". */
  readonly holds: string;
  /** The number that decides, to be averaged over seeds; null where it was not measured. */
  readonly effect: number | null;
  /** Where that number is a mean over items, which the claim wants above 0: what it is the mean of, by item. */
  readonly items?: ReadonlyMap<string, number>;
  /** What that number is. */
  readonly of: string;
}

/** What a measurement gives of a claim. */
type Measured = Pick<Claim, "found" | "holds" | "effect" | "items">;

/** A claim before it is measured. */
interface ClaimPlan {
  readonly claim: string;
  readonly of: string;
  /** Stages whose results it takes. */
  readonly needs: readonly string[];
  readonly measure: (at: (folder: string) => string) => Measured;
}

/** What a stage lacks, as a sentence's end; undefined when it was run. */
export type Why = (folder: string) => string | undefined;

/** Halves of the bench by trajectory, in the tiny world's regime `scarce`: of what supervision shows, and of what it does not. */
export type Halves = ReadonlyMap<string, "seen" | "unseen">;

const claimPlans = (halves: Halves): readonly ClaimPlan[] => [
  {
    ...{ claim: "§2: the base hardly prefers true transitions", of: "share that prefers the truth", needs: ["probe-base"] },
    measure: (at) => {
      const base = probedActions(at("probe-base"));
      return probeClaim(base, base.known.every((kind) => base[kind]!.prefers_reference < 0.7), preferred(base));
    },
  },
  {
    ...{ claim: "§4.2: the dynamics model tells manipulated actions", of: "gain in that share", needs: ["probe-base", "probe-cdm"] },
    measure: (at) => {
      const [base, cdm] = [probedActions(at("probe-base")), probedActions(at("probe-cdm"))];
      const tells = cdm.known.every((kind) => cdm[kind]!.interval[0] > (base[kind]?.interval[1] ?? 1));
      return probeClaim(cdm, tells, preferred(cdm) - preferred(base));
    },
  },
  {
    ...{ claim: "§3.2: the filter raises the annotations' quality", of: "gain in the share that is right", needs: ["filter"] },
    measure: (at) => filterClaim(at("filter")),
  },
  implicitClaim(halves.size > 0 ? "unseen" : "all"),
  verificationClaim("C-FT", "§4.3: verification improves C-FT"),
  verificationClaim("CWM", "beside §4.3, where it has no clear gain: verification improves CWM"),
  ...comparisons("CWM", "C-FT", "§4.3: CWM is better than C-FT", halves),
  ...comparisons("CWM", "CWM without synthesis", "§4.4: synthesis helps", halves),
  ...comparisons("CWM", "CWM without weights", "§4.4: recognition weights help", halves),
  { claim: "A.8.2: copying is a frequent failure", of: "share of C-FT's failures", needs: ["sample-c-ft", "judge"], measure: failureClaim },
  {
    ...{ claim: "A.3: copying has the best L1 and the judge gives it 0", of: "L1 of copying less the best other" },
    ...{ needs: ["pictures", "sample-c-ft", "judge"], measure: copyClaim },
  },
];

/**
 * The paper's claims with what was measured, and whether each holds.
 *
 * @param at gives a stage's folder, as task `reproduce` names them
 * @param why what a stage lacks
 * @param halves of the bench; with them comparisons are made for each half too
 * @returns every claim, also those that could not be measured
 */
export function paperClaims(at: (folder: string) => string, why: Why, halves: Halves = new Map()): Claim[] {
  return claimPlans(halves).map(({ claim, of, needs, measure }) => {
    const lacks = needs.map(why).find((text) => text !== undefined);
    return { claim, of, ...(lacks === undefined ? measure(at) : notMeasured(lacks)) };
  });
}

/** Claims as rows of a table. */
export function claimRows(claims: readonly Claim[]): TableRow[] {
  return claims.map(({ claim, found, holds }) => ({ claim, found, holds }));
}

function notMeasured(needs: string): Measured {
  return { found: `not measured: needs ${needs}`, holds: "not measured", effect: null };
}

const KINDS = ["random", "counterfactual", "inverse"] as const;
type ProbedAction = { readonly prefers_reference: number; readonly interval: readonly [number, number] };
type Probed = Readonly<Partial<Record<typeof KINDS[number], ProbedAction>>> & { readonly known: readonly (typeof KINDS[number])[] };

/** The premise of bootstrapping: an action is told from a contrary one more often by who names it than by who draws its result. */
function implicitClaim(subset: string): ClaimPlan {
  return {
    claim: `§3: the dynamics model knows transitions better than the world model${subset === "all" ? "" : `, ${subset} half`}`,
    ...{ of: "difference in the share that prefers the truth to a contrary action", needs: ["probe-cdm", "probe-c-ft"] },
    measure: (at) => {
      const asked = (folder: string, task: string) => readResult(at(folder), PROBE_RESULT).preferences[subset]?.[task]?.["counterfactual"];
      const [cdm, cft] = [asked("probe-cdm", "action"), asked("probe-c-ft", "observation")];
      if (!cdm || !cft) return notMeasured(MANIPULATION.counterfactual);
      const found = `${percent(cdm.prefers_reference)} against ${percent(cft.prefers_reference)} of C-FT`;
      return { found, holds: cdm.interval[0] > cft.interval[1] ? "yes" : "no", effect: cdm.prefers_reference - cft.prefers_reference };
    },
  };
}

/** How the action task of a probe fared on all trajectories, by manipulation. */
function probedActions(folder: string): Probed {
  const asked = readResult(folder, PROBE_RESULT).preferences["all"]?.["action"] ?? {};
  const known = KINDS.filter((kind) => asked[kind] !== undefined);
  return { ...Object.fromEntries(known.map((kind) => [kind, asked[kind]!])), known };
}

function preferred(probed: Probed): number {
  return mean(probed.known.map((kind) => probed[kind]!.prefers_reference));
}

/** A claim on the manipulations that there are; what is missing is said. */
function probeClaim(probed: Probed, holds: boolean, effect: number): Measured {
  const missing = KINDS.filter((kind) => !probed.known.includes(kind));
  if (probed.known.length === 0) return notMeasured("more than one trajectory of a subset (--bench=LIST)");
  const seen = probed.known.map((kind) => `${kind} ${percent(probed[kind]!.prefers_reference)}`);
  const unseen = missing.map((kind) => `${kind} not measured: needs ${MANIPULATION[kind]}`);
  return {
    found: [...seen, ...unseen].join(", "),
    holds: `${holds ? "yes" : "no"}${missing.length > 0 ? ", of those measured" : ""}`,
    effect,
  };
}

const MANIPULATION = {
  random: "other trajectories of the subset",
  counterfactual: "--probe.counterfactuals=LIST or --probe.rewriter=MODEL",
  inverse: "readable targets",
} as const;

function filterClaim(folder: string): Measured {
  const { annotated, filtered } = readResult(folder, FILTER_RESULT).right;
  if (annotated === null || filtered === null) return notMeasured("videos whose actions are known, as the tiny world's alone are");
  const found = `right ${percent(annotated)} before, ${percent(filtered)} after`;
  return { found, holds: filtered > annotated ? "yes" : "no", effect: filtered - annotated };
}

function verificationClaim(name: string, claim: string): ClaimPlan {
  const stage = `verify-${name.toLowerCase()}`;
  const measure = (at: (folder: string) => string): Measured => {
    const { scorer, pools, curves } = verified(at, name);
    if (pools.length === 0) return notMeasured(`pools of ${name} that ${scorer || "the judge"} scored whole`);
    const ofRepeats = Map.groupBy(pools, ({ id }) => id); // the repeats of a transition are no transitions of their own
    const gains = new Map([...ofRepeats].map(([id, own]) => [id, mean(own.map(({ scores, chosen }) => scores[chosen]! - mean(scores)))]));
    const gain = estimate([...gains.values()]);
    const of = (chooser: string) => curves.filter((row) => row.chooser === chooser).at(-1)!.score;
    const found = `${curves[0]!.score.toFixed(2)} → ${of("dynamics model").toFixed(2)} with ${curves.at(-1)!.N} candidates (gain ${
      interval(gain)
    }); oracle ${of("oracle").toFixed(2)}${scorer === "world" ? "" : `; scored by ${scorer}`}`;
    return { found, holds: gain.interval[0] > 0 ? "yes" : "no", effect: gain.mean, items: gains };
  };
  return { claim, of: "gain in score", needs: [stage], measure };
}

/** Two systems compared on the whole bench, and on each half of it. */
function comparisons(a: string, b: string, claim: string, halves: Halves): ClaimPlan[] {
  const stages = [a, b].map((name) => `sample-${name.toLowerCase().replaceAll(" ", "-")}`);
  const parts = halves.size > 0 ? [undefined, "seen", "unseen"] as const : [undefined];
  return parts.map((half) => ({
    ...{ claim: half === undefined ? claim : `${claim}, ${half} half`, of: "difference in score", needs: [...stages, "judge"] },
    measure: (at) => compare(at("judge"), a, b, (id) => half === undefined || halves.get(id) === half),
  }));
}

function compare(judge: string, a: string, b: string, counts: (id: string) => boolean): Measured {
  const scores = scoresBySystem(readScores(judge));
  const of = (name: string) => new Map([...scores.get(name) ?? []].filter(([id]) => counts(id)));
  const [x, y] = pairedValues(of(a), of(b));
  if (x.length === 0) return notMeasured(`scores of ${a} and ${b} on the same pictures; ${judge}/skipped.jsonl says why there are none`);
  const differences = pairedDifferences(of(a), of(b));
  const difference = estimate([...differences.values()]);
  const found = `${mean(x).toFixed(2)} against ${mean(y).toFixed(2)}, difference ${interval(difference)}, p ${pairedTest(x, y).toFixed(3)}`;
  const holds = difference.interval[0] > 0 ? "yes" : difference.interval[1] < 0 ? "no, the other way" : "not shown";
  return { found, holds, effect: difference.mean, items: differences };
}

const FREQUENT = 0.25; // of the failures

/** Pictures without the whole edit that leave the scene as it was: nothing of the edit is there, and nothing else is other. */
function failureClaim(at: (folder: string) => string): Measured {
  const judged = readScores(at("judge")).filter(({ system, score }) => system === "C-FT" && score !== undefined);
  const failures = judged.filter(({ success }) => success! < 10);
  if (failures.length === 0) return notMeasured("a picture of C-FT that fails");
  const copies = failures.filter(({ success, minimal }) => success === 0 && minimal! >= 9).length / failures.length;
  return { found: `${percent(copies)} of C-FT's failures`, holds: copies >= FREQUENT ? "yes" : "no", effect: copies };
}

function copyClaim(at: (folder: string) => string): Measured {
  const { systems } = readResult(at("pictures"), IMAGES_RESULT);
  const { copy, ...others } = Object.fromEntries(Object.entries(systems).map(([name, of]) => [name, of["all"]?.["l1_paper"]?.mean]));
  const [best] = Object.entries(others).flatMap(([name, l1]) => l1 === undefined ? [] : [{ name, l1 }]).toSorted((a, b) => a.l1 - b.l1);
  if (copy === undefined || best === undefined) {
    return notMeasured(`readable pictures of a model; ${at("pictures")}/skipped.jsonl says why not`);
  }
  const scores = [...scoresBySystem(readScores(at("judge"))).get("copy")?.values() ?? []];
  if (scores.length === 0) return notMeasured(`scores of copying; ${at("judge")}/skipped.jsonl says why there are none`);
  const found = `L1 ${copy.toFixed(3)} against ${best.l1.toFixed(3)} of ${best.name}; judge ${mean(scores).toFixed(2)}`;
  return { found, holds: copy < best.l1 && mean(scores) < 0.5 ? "yes" : "no", effect: copy - best.l1 };
}

function interval({ mean, interval: [from, to] }: Estimate): string {
  return `${mean.toFixed(2)} (${from.toFixed(2)} … ${to.toFixed(2)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
