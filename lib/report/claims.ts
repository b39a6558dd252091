/**
 * The paper's claims in the tiny world: what was measured, and what holds. A claim that fails is said to fail.
 *
 * @module
 */
import { readJson, resumeLog } from "../files.ts";
import { readScores, scoresBySystem } from "../judge/mod.ts";
import { estimate, mean, pairedTest, pairedValues } from "../metrics/mod.ts";
import type { TableRow } from "./table.ts";

/**
 * The paper's claims with what was measured, and whether each holds.
 *
 * @param at gives a stage's folder, as task `reproduce` names them
 */
export function paperClaims(at: (folder: string) => string): TableRow[] {
  const read = (folder: string) => readJson(`${at(folder)}/result.json`);
  const [base, cdm] = ["probe-base", "probe-cdm"].map((folder) => (read(folder) as ProbeResult).all.action) as [ProbeActions, ProbeActions];
  const kinds = ["random", "counterfactual", "inverse"] as const;
  const filtered = (read("filter") as { right: { annotated: number; filtered: number } }).right;
  const scores = scoresBySystem(readScores(at("judge")));
  const against = (a: string, b: string, claim: string) => {
    const [x, y] = pairedValues(scores.get(a)!, scores.get(b)!);
    const difference = estimate(x.map((value, i) => value - y[i]!));
    const found = `${mean(x).toFixed(2)} against ${mean(y).toFixed(2)}, difference ${interval(difference)}, p ${
      pairedTest(x, y).toFixed(3)
    }`;
    return { claim, found, holds: difference.interval[0] > 0 ? "yes" : difference.interval[1] < 0 ? "no, the other way" : "not shown" };
  };
  const l1 = read("pictures") as Record<string, { all: { l1_paper: { mean: number } } }>;
  const copy = [l1["copy"]!.all.l1_paper.mean, l1["C-FT"]!.all.l1_paper.mean] as const;
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
      `right ${percent(filtered.annotated)} before, ${percent(filtered.filtered)} after`,
      filtered.filtered > filtered.annotated,
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

type ProbeActions = Record<"random" | "counterfactual" | "inverse", { prefers_reference: number; interval: [number, number] }>;
type ProbeResult = { all: { action: ProbeActions } };

function verificationClaims(at: (folder: string) => string, name: string): TableRow[] {
  const { curves } = readJson(`${at(`verify-${name.toLowerCase()}`)}/result.json`) as {
    curves: { N: number; chooser: string; score: number }[];
  };
  const pools = resumeLog<{ rewards: number[]; scores: number[]; chosen: number }>(
    `${at(`verify-${name.toLowerCase()}`)}/candidates.jsonl`,
  );
  const gain = estimate(pools.map(({ scores, chosen }) => scores[chosen]! - mean(scores)));
  const of = (chooser: string) => curves.filter((row) => row.chooser === chooser).at(-1)!.score;
  const [one, best] = [curves[0]!.score, of("dynamics model")];
  return [
    claim(
      `§3.3: verification improves ${name}`,
      `${one.toFixed(2)} → ${best.toFixed(2)} with ${curves.at(-1)!.N} candidates (gain ${interval(gain)}); oracle ${
        of("oracle").toFixed(2)
      }`,
      gain.interval[0] > 0,
    ),
  ];
}

function claim(text: string, found: string, holds: boolean): TableRow {
  return { claim: text, found, holds: holds ? "yes" : "no" };
}

function interval({ mean, interval: [from, to] }: { mean: number; interval: readonly [number, number] }): string {
  return `${mean.toFixed(2)} (${from.toFixed(2)} … ${to.toFixed(2)})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
