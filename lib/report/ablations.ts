/**
 * The paper's ablations, from a judge's scores.
 *
 * @module
 */
import { type Score, scoresBySystem } from "../judge/mod.ts";
import { mean, pairedValues } from "../metrics/mod.ts";
import type { TableRow } from "./table.ts";

/**
 * The paper's ablations: the world model's mean score by subset, and what each ablation differs by on the items that both have.
 *
 * @param scores of all systems
 * @returns a row for the world model and each ablation that was judged
 */
export function ablationRows(scores: readonly Score[]): TableRow[] {
  const by = scoresBySystem(scores);
  const cwm = by.get("CWM");
  if (!cwm) return [];
  const subsetOf = new Map(scores.map(({ id, subset }) => [id, subset]));
  const row = (system: string, other: ReadonlyMap<string, number>, worth: (a: number, b: number) => number) => {
    const shared = new Map([...other].filter(([id]) => cwm.has(id)));
    const groups = [["all", [...shared.keys()]] as const, ...Map.groupBy(shared.keys(), (id) => subsetOf.get(id)!)];
    return Object.fromEntries([
      ["system", system],
      ...groups.map(([subset, ids]) => {
        const [a, b] = pairedValues(new Map(ids.map((id) => [id, other.get(id)!])), cwm);
        return [subset, mean(a.map((value, i) => worth(value, b[i]!)))];
      }),
    ]) as TableRow;
  };
  const ablated = ["synthesis", "weights"].filter((what) => by.has(`CWM without ${what}`));
  return [
    row("CWM", cwm, (value) => value),
    ...ablated.map((what) => row(`without ${what}, difference`, by.get(`CWM without ${what}`)!, (without, full) => without - full)),
  ];
}
