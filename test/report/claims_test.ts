import { paperClaims } from "../../lib/report/claims.ts";
import type { Score } from "../../lib/judge/mod.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";
import { finishRun, judgement, scoreOf } from "./runs.ts";

const IDS = Array.from({ length: 30 }, (_, i) => `${i}`);

/** What the stages of `reproduce` found; here all that the paper claims. */
const FOUND = {
  base: 0.5,
  cdm: 0.95,
  filter: [0.6, 0.8] as readonly [number, number],
  scores: { copy: 0, "C-FT": 5, CWM: 7, "CWM without synthesis": 6, "CWM without weights": 6 } as Readonly<Record<string, number>>,
  gain: 2,
  l1: [0.05, 0.1] as readonly [number, number],
};

/** Writes the runs, and gives what is said of each claim. */
function claimsOf(folder: string, change: Partial<typeof FOUND> = {}): Map<string, { found: string; holds: string }> {
  const { base, cdm, filter: [annotated, filtered], scores, gain, l1 } = { ...FOUND, ...change };
  const at = (stage: string) => `${folder}/${JSON.stringify(change).replaceAll(/\W+/g, "")}/${stage}`;
  for (const [stage, share] of [["probe-base", base], ["probe-cdm", cdm]] as const) {
    const preference = {
      prefers_reference: share,
      interval: [share - 0.05, Math.min(1, share + 0.05)] as [number, number],
      pearson: null,
      n: 250,
    };
    const action = { random: preference, counterfactual: preference, inverse: preference };
    finishRun(at(stage), { kind: "probe", preferences: { all: { action } } });
  }
  finishRun(at("filter"), { kind: "filter", annotated: 100, filtered: 50, right: { annotated, filtered }, classes: [] });
  const lines: Score[] = Object.entries(scores).flatMap(([system, score], shift) =>
    IDS.map((id, i) => scoreOf(system, id, Math.max(0, score + (score && (i + shift) % 3 - 1)), 10))
  );
  finishRun(at("judge"), judgement(Object.keys(scores)), { "scores.jsonl": lines });
  const estimate = (mean: number) => ({ all: { l1_paper: { mean, n: 30, interval: [mean, mean] as [number, number] } } });
  finishRun(at("pictures"), { kind: "images", systems: { copy: estimate(l1[0]), "C-FT": estimate(l1[1]) }, signatures: {}, tests: [] });
  for (const stage of ["verify-c-ft", "verify-cwm"]) {
    const point = (N: number, chooser: string, score: number) => ({
      N,
      chooser,
      score,
      right: null,
      "deviation of repeats": 0,
      "± 95 % over trajectories": 0,
    });
    const curves = [point(1, "dynamics model", 4), point(2, "dynamics model", 4 + gain / 2), point(1, "oracle", 4), point(2, "oracle", 9)];
    const pools = IDS.map((id, i) => ({
      id,
      subset: "a",
      repeat: 0,
      rewards: [0, -1],
      scores: [4 + gain / 2 + i % 3 / 9, 4 - gain / 2 + i % 3 / 9],
      right: [null, null],
      chosen: 0,
    }));
    finishRun(at(stage), { kind: "verification", pools: 30, skipped: 0, scored: "x", curves }, { "candidates.jsonl": pools });
  }
  return new Map(paperClaims(at).map(({ claim, found, holds }) => [`${claim}`, { found: `${found}`, holds: `${holds}` }]));
}

const about = (claims: Map<string, { found: string; holds: string }>, words: string) =>
  [...claims].find(([claim]) => claim.includes(words))![1];

Deno.test("paperClaims() hold where the runs found what the paper did", () =>
  withFolder((folder) => {
    const claims = claimsOf(folder);
    assert(claims.size >= 9, `${claims.size} claims`);
    for (const [claim, { holds, found }] of claims) assertEquals(holds, "yes", `${claim}: ${found}`);
  }));

Deno.test("paperClaims() say which do not hold, which are not shown, and which are the other way", () =>
  withFolder((folder) => {
    const cases: readonly (readonly [Partial<typeof FOUND>, words: string, holds: string])[] = [
      [{ base: 0.8 }, "the base hardly prefers", "no"],
      [{ cdm: 0.55 }, "tells manipulated actions", "no"], // intervals overlap
      [{ filter: [0.8, 0.8] }, "the filter raises", "no"],
      [{ gain: 0 }, "verification improves CWM", "no"],
      [{ scores: { ...FOUND.scores, CWM: 5 } }, "CWM is better than C-FT", "not shown"],
      [{ scores: { ...FOUND.scores, CWM: 4 } }, "CWM is better than C-FT", "no, the other way"],
      [{ scores: { ...FOUND.scores, copy: 3 } }, "copying has the best L1", "no"],
      [{ l1: [0.2, 0.1] }, "copying has the best L1", "no"],
    ];
    for (const [change, words, holds] of cases) assertEquals(about(claimsOf(folder, change), words).holds, holds, words);
  }));

Deno.test("paperClaims() show the numbers that were compared", () =>
  withFolder((folder) => {
    const claims = claimsOf(folder);
    assert(about(claims, "CWM is better than C-FT").found.startsWith("7.00 against 5.00, difference 2.00 ("));
    assert(
      about(claims, "verification improves CWM").found.startsWith("4.00 → 5.00 with 2 candidates (gain 1.00"),
      about(claims, "verification improves CWM").found,
    );
    assertEquals(about(claims, "the filter raises").found, "right 60 % before, 80 % after");
  }));

Deno.test("paperClaims() name a run that is missing, and a probe without the manipulations that are compared", () =>
  withFolder((folder) => {
    assertThrows(() => paperClaims((stage) => `${folder}/${stage}`), UserError, `${folder}/probe-base: it holds no finished run`);
    for (const stage of ["probe-base", "probe-cdm"]) finishRun(`${folder}/${stage}`, { kind: "probe", preferences: { all: {} } });
    assertThrows(() => paperClaims((stage) => `${folder}/${stage}`), UserError, `${folder}/probe-base lacks a manipulation of the action`);
  }));
