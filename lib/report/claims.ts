/**
 * The paper's claims in the tiny world: what was measured, and what holds. A claim that fails is said to fail.
 *
 * @module
 */
import { FILTER_RESULT, IMAGES_RESULT, PROBE_RESULT, readResult } from "../experiment/results.ts";
import { UserError } from "../errors.ts";
import { scoresBySystem } from "../judge/mod.ts";
import { readScores } from "../judge/scores_file.ts";
import { type Estimate, estimate, mean, pairedTest, pairedValues } from "../metrics/mod.ts";
import { verified } from "./pools.ts";
import type { TableRow } from "./table.ts";

/**
 * The paper's claims with what was measured, and whether each holds.
 *
 * @param at gives a stage's folder, as task `reproduce` names them
 */
export function paperClaims(at: (folder: string) => string): TableRow[] {
  const [base, cdm] = [probedActions(at("probe-base")), probedActions(at("probe-cdm"))];
  const kinds = ["random", "counterfactual", "inverse"] as const;
  const { annotated, filtered } = readResult(at("filter"), FILTER_RESULT).right;
  const scores = scoresBySystem(readScores(at("judge")));
  const against = (a: string, b: string, claim: string) => {
    const [x, y] = pairedValues(scores.get(a)!, scores.get(b)!);
    const difference = estimate(x.map((value, i) => value - y[i]!));
    const found = `${mean(x).toFixed(2)} against ${mean(y).toFixed(2)}, difference ${interval(difference)}, p ${
      pairedTest(x, y).toFixed(3)
    }`;
    return { claim, found, holds: difference.interval[0] > 0 ? "yes" : difference.interval[1] < 0 ? "no, the other way" : "not shown" };
  };
  const { systems } = readResult(at("pictures"), IMAGES_RESULT);
  const copy = [meanL1(systems["copy"]), meanL1(systems["C-FT"])] as const;
  return [
    claim(
      "§2: the base hardly prefers true transitions",
      kinds.map((kind) => `${kind} ${percent(base[kind].prefers_reference)}`).join(", "),
      kinds.every((kind) => base[kind].prefers_reference < 0.7),
    ),
    claim(
      "§4.2: the dynamics model tells manipulated actions",
      kinds.map((kind) => `${kind} ${percent(cdm[kind].prefers_reference)}`).join(", "),
      kinds.every((kind) => cdm[kind].interval[0] > base[kind].interval[1]),
    ),
    claim(
      "§3.2: the filter raises the annotations' quality",
      `right ${percent(annotated!)} before, ${percent(filtered!)} after`,
      filtered! > annotated!,
    ),
    ...["C-FT", "CWM"].flatMap((name) => verificationClaims(at, name)),
    against("CWM", "C-FT", "§4.3: CWM is better than C-FT"),
    against("CWM", "CWM without synthesis", "§4.4: synthesis helps"),
    against("CWM", "CWM without weights", "§4.4: recognition weights help"),
    claim(
      "A.3: copying has the best L1 and the judge gives it 0",
      `L1 ${copy[0].toFixed(3)} against ${copy[1].toFixed(3)} of C-FT; judge ${mean([...scores.get("copy")!.values()]).toFixed(2)}`,
      copy[0] < copy[1] && mean([...scores.get("copy")!.values()]) < 0.5,
    ),
  ];
}

/** How the action task of a probe fared on all trajectories, by manipulation. */
function probedActions(folder: string): Record<"random" | "counterfactual" | "inverse", ProbedAction> {
  const { random, counterfactual, inverse } = readResult(folder, PROBE_RESULT).preferences["all"]?.["action"] ?? {};
  if (!random || !counterfactual || !inverse) throw new UserError(`Cannot judge the claims: ${folder} lacks a manipulation of the action`);
  return { random, counterfactual, inverse };
}

type ProbedAction = { readonly prefers_reference: number; readonly interval: readonly [number, number] };

function meanL1(system: Readonly<Record<string, Readonly<Record<string, Estimate>>>> | undefined): number {
  return system?.["all"]?.["l1_paper"]?.mean ?? NaN;
}

function verificationClaims(at: (folder: string) => string, name: string): TableRow[] {
  const { scorer, pools, curves } = verified(at, name);
  const gain = estimate(pools.map(({ scores, chosen }) => scores[chosen]! - mean(scores)));
  const of = (chooser: string) => curves.filter((row) => row.chooser === chooser).at(-1)!.score;
  const [one, best] = [curves[0]!.score, of("dynamics model")];
  return [
    claim(
      `§3.3: verification improves ${name}`,
      `${one.toFixed(2)} → ${best.toFixed(2)} with ${curves.at(-1)!.N} candidates (gain ${interval(gain)}); oracle ${
        of("oracle").toFixed(2)
      }${scorer === "world" ? "" : `; scored by ${scorer}`}`,
      gain.interval[0] > 0,
    ),
  ];
}

function claim(text: string, found: string, holds: boolean): TableRow {
  return { claim: text, found, holds: holds ? "yes" : "no" };
}

function interval({ mean, interval: [from, to] }: Estimate): string {
  return `${mean.toFixed(2)} (${from.toFixed(2)} … ${to.toFixed(2)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
