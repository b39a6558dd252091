import { claimsOverSeeds, overSeeds, tablesOverSeeds } from "../../lib/report/seeds.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("overSeeds() gives mean ± standard deviation, keeps what is the same, and drops what is of one seed alone", () => {
  const seed = (all: number, from: number) => [
    { source: "measured", system: "CWM", subset: "all", all, from, p: 0.03, n: 250, scored: `${all} of 250`, missing: null },
    { source: "published", system: "CWM", subset: null, all: 3.67, from: null, p: null, n: null, scored: null, missing: null },
  ];
  assertEquals(overSeeds([seed(3, 2.5), seed(4, 3.5), seed(5, 4)]), [
    { source: "measured", system: "CWM", subset: "all", all: "4.00 ± 1.00", n: 250, missing: null, seeds: 3 },
    { source: "published", system: "CWM", subset: null, all: 3.67, from: null, p: null, n: null, scored: null, missing: null, seeds: null },
  ]);
});

Deno.test("overSeeds() counts the seeds that have a row, and keeps rows of one apart by system, subset, chooser and N", () => {
  const row = (system: string, N: number, score: number) => ({ system, N, score });
  const rows = overSeeds([[row("a", 1, 0.5), row("a", 2, 0.7)], [row("a", 1, 0.7), row("b", 1, 9)]]);
  assertEquals(rows, [
    { system: "a", N: 1, score: "0.600 ± 0.141", seeds: 2 },
    { system: "a", N: 2, score: 0.7, seeds: 1 },
    { system: "b", N: 1, score: 9, seeds: 1 },
  ]);
});

Deno.test("tablesOverSeeds() joins tables by name and says over which seeds", () => {
  const table = (all: number) => ({
    name: "judge",
    of: "judge" as const,
    title: "Table 2",
    text: "Judge world.",
    rows: [{ system: "a", all }],
  });
  const [one] = tablesOverSeeds([1, 2], [[{ ...table(1), pictures: ["x.png"] }], [table(3)]]);
  assertEquals([one!.rows, one!.of], [[{ system: "a", all: "2.00 ± 1.41", seeds: 2 }], "judge"]);
  assert(one!.text!.startsWith("Judge world. Mean ± standard deviation over 2 of the seeds 1, 2") && one!.pictures === undefined);
});

Deno.test("claimsOverSeeds() decides comparisons by seeds and items, counts seeds otherwise; what no seed measured says what it needs", () => {
  const claim = (effect: number | null, holds: string) => ({
    ...{ claim: "§4.3", of: "difference in score", effect, holds, found: effect === null ? "not measured: needs OPENAI_API_KEY" : "…" },
  });
  const over = (...claims: ReturnType<typeof claim>[]) => claimsOverSeeds(claims.map((one) => [one]))[0];
  assertEquals(over(claim(0.2, "yes"), claim(-0.4, "no, the other way"), claim(0.1, "not shown")), {
    ...{ claim: "§4.3", found: "difference in score: -0.033 ± 0.321", holds: "in 1 of 3 seeds" },
  });
  let seed = 0; // each has transitions of its own
  const items = (...values: number[]) => ({
    ...claim(values.reduce((a, b) => a + b) / values.length, "yes"),
    items: new Map(values.map((value) => [`${seed++}`, value])),
  });
  const told = (seed: () => ReturnType<typeof items>, seeds: number) => over(...Array.from({ length: seeds }, seed))!["holds"];
  assertEquals(told(() => items(0.9, 1, 1.1), 5), "holds, in 5 of 5 seeds");
  assertEquals(told(() => items(-0.9, -1, -1.1), 5), "fails, in 5 of 5 seeds");
  assertEquals(told(() => items(-3, 1, 2.3), 5), "cannot be told, in 5 of 5 seeds");
  assertEquals(told(() => items(0.9, 1, 1.1), 4), "undecided below 5 seeds, in 4 of 4 seeds");
  assertEquals(over(items(1, 1), items(1, 1))!["found"], "difference in score: 1.00 ± 0.00 (95 % over seeds and items: 1.00 … 1.00)");
  assertEquals(over(claim(null, "not measured"), claim(null, "not measured")), {
    ...{ claim: "§4.3", found: "not measured: needs OPENAI_API_KEY", holds: "not measured" },
  });
});
