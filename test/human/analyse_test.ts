import { agreement, krippendorffAlpha, peopleDifferences, peopleScores, type Vote } from "../../lib/human/mod.ts";
import { randomStream } from "../../lib/engine/mod.ts";
import { assert, assertClose, assertEquals } from "../support.ts";

const SUBSETS = ["magicbrush", "ag", "something", "whatsup", "kubric"];
const SYSTEMS = ["got", "smartedit", "cft", "cwm"];
const ITEMS = SUBSETS.flatMap((subset) =>
  Array.from({ length: 8 }, (_, i) => ({ id: `${subset}-${i}`, subset, action: `<b>do ${i}</b>` }))
);

Deno.test("peopleScores() and krippendorffAlpha() give what was worked out by hand", () => {
  const vote = (participant: string, trajectory: string, subset: string, best: string, worst: string): Vote => ({
    ...{ participant, trajectory, subset, best, worst },
  });
  const votes = [
    vote("p", "1", "ag", "cwm", "got"),
    vote("q", "1", "ag", "cwm", "cft"),
    vote("p", "2", "ag", "cft", "got"),
    vote("q", "3", "kubric", "got", "cwm"),
  ];
  const means = (subset: string) => peopleScores(votes, SYSTEMS).filter((one) => one.subset === subset).map(({ score }) => score.mean);
  assertEquals(means("all"), [-1 / 4, 0, 0, 1 / 4]); // got +1 -2, cft +1 -1, cwm +2 -1
  assertClose(means("ag"), [-2 / 3, 0, 0, 2 / 3], 1e-12);
  assertEquals(means("kubric"), [1, 0, 0, -1]);
  assertEquals(agreement(votes), { best: null, worst: 0 }); // "best" agrees on the one item with two raters, and varies nowhere
  // Krippendorff's own example (2011, "Computing Krippendorff's Alpha-Reliability", C): 4 raters, 12 units, alpha 0.743
  const units = ["111", "2223", "3333", "3333", "2222", "1234", "4444", "1121", "2222", "555", "11", "3"].map((unit) => [...unit]);
  assertClose([krippendorffAlpha(units)!], [0.743], 5e-4);
});

Deno.test("with known preferences the analysis finds the signs of the paper's Table 7", () => {
  const random = randomStream("people");
  const quality: Record<string, number> = { got: -0.3, smartedit: -0.8, cft: 0.5, cwm: 0.6 };
  const noise = () => Array.from({ length: 12 }, random).reduce((a, b) => a + b, -6); // nearly normal
  const votes = Array.from({ length: 350 }, (_, i): Vote => {
    const order = SYSTEMS.map((name) => [name, quality[name]! + 1.5 * noise()] as const).sort((a, b) => b[1] - a[1]);
    const { id, subset } = ITEMS[i % ITEMS.length]!;
    return { participant: `${Math.floor(i / 25)}`, trajectory: id, subset, best: order[0]![0], worst: order[3]![0] };
  });
  const scores = peopleScores(votes, SYSTEMS).filter(({ subset }) => subset === "all");
  assertEquals(scores.map(({ score }) => Math.sign(score.mean)), [-1, -1, 1, 1]);
  assertEquals(scores.toSorted((a, b) => a.score.mean - b.score.mean).map(({ system }) => system), ["smartedit", "got", "cft", "cwm"]);
  const pairs = peopleDifferences(votes, SYSTEMS);
  const pOf = (a: string, b: string) => pairs.find(({ system, against }) => system === b && against === a)!.corrected;
  assert(pOf("got", "cwm") < 0.01 && pOf("smartedit", "cwm") < 0.01 && pOf("cft", "cwm") > 0.05, JSON.stringify(pairs));
});
