import {
  agreement,
  createStudy,
  fleissKappa,
  joinStudy,
  peopleDifferences,
  readVotes,
  screenOf,
  storeVote,
  studyItems,
} from "../../lib/human/mod.ts";
import { randomToken } from "../../lib/web/mod.ts";
import { randomStream } from "../../lib/engine/random.ts";
import { assert, assertClose, assertEquals, withFolder } from "../support.ts";

const SUBSETS = ["magicbrush", "ag", "something", "whatsup", "kubric"];
const ITEMS = Array.from({ length: 250 }, (_, i) => ({ id: `${i}`, subset: SUBSETS[i % 5]!, action: "go" }));
const SYSTEMS = ["GoT", "SmartEdit", "C-FT", "CWM"];

Deno.test("studyItems() samples the paper's 25 of 250, five a subset, the same with the same seed", () => {
  const sampled = studyItems(ITEMS, "paper", 5, 1);
  assertEquals(sampled.length, 25);
  for (const subset of SUBSETS) assertEquals(sampled.filter((item) => item.subset === subset).length, 5);
  assertEquals(studyItems(ITEMS, "paper", 5, 1), sampled);
  assert(studyItems(ITEMS, "paper", 5, 2).some(({ id }) => !sampled.some((item) => item.id === id)), "another seed samples others");
  assert(sampled.some(({ id }) => Number(id) >= 25), "a sample, not the first of each subset");
  assertEquals(studyItems(ITEMS, "spread", 5, 1), ITEMS);
  assertEquals(studyItems(ITEMS.slice(0, 7), "paper", 5, 1).length, 7); // fewer than five of each: all
});

Deno.test("the paper's protocol: 14 raters give 350 votes on the same 25 items, and kappa is measured", () =>
  withFolder((folder) => {
    const invites = Array.from({ length: 14 }, randomToken);
    const items = studyItems(ITEMS, "paper", 5, 1);
    const study = createStudy(`${folder}/study.db`, { systems: SYSTEMS, items, invites, perSubset: 5, seed: 1, pictures: "p" });
    const random = randomStream("votes");
    const orders = new Set<string>();
    for (const invite of invites) {
      const code = joinStudy(study, invite);
      const seen: string[] = [];
      for (let screen = screenOf(study, code); screen.screen === "item"; screen = screenOf(study, code)) {
        const { item, choices, number, total } = screen;
        assertEquals([number, total], [seen.length + 1, 25]);
        const first = Math.floor(random() * 4);
        assertEquals(storeVote(study, code, { item, best: choices[first]!, worst: choices[(first + 1) % 4]! }), "stored");
        seen.push(item);
      }
      orders.add(seen.join());
    }
    const votes = readVotes(study);
    study.close();
    assertEquals([votes.length, orders.size], [350, 14]);
    const raters = Map.groupBy(votes, ({ trajectory }) => trajectory);
    assertEquals([...raters.keys()].toSorted(), items.map(({ id }) => id).toSorted());
    for (const own of raters.values()) assertEquals(own.length, 14);
    const { best, worst } = agreement(votes, fleissKappa);
    assert(Math.abs(best!) < 0.1 && Math.abs(worst!) < 0.1, `raters who toss a coin agree by chance: ${best}, ${worst}`);
    assertEquals(agreement(votes.slice(1), fleissKappa), { best: null, worst: null }); // one rater is not done: it is not defined
  }));

Deno.test("fleissKappa() gives Fleiss's own example: 10 subjects, 14 raters, 5 categories, 0.210", () => {
  const counts = [
    "0 0 0 0 14",
    "0 2 6 4 2",
    "0 0 3 5 6",
    "0 3 9 2 0",
    "2 2 8 1 1",
    "7 7 0 0 0",
    "3 2 6 3 0",
    "2 5 3 2 2",
    "6 5 2 1 0",
    "0 2 2 3 7",
  ];
  const units = counts.map((row) => row.split(" ").flatMap((n, category) => Array.from({ length: Number(n) }, () => `${category}`)));
  assertClose([fleissKappa(units)!], [0.210], 5e-4);
  assertEquals([fleissKappa([["a", "b"], ["a"]]), fleissKappa([["a"]]), fleissKappa([]), fleissKappa([["a", "a"]])], [
    null,
    null,
    null,
    null,
  ]);
});

Deno.test("peopleDifferences() over items counts an item once, however many rated it", () => {
  const vote = (rater: number, item: number) => ({
    ...{ participant: `${rater}`, trajectory: `${item}`, subset: "ag", best: item < 3 ? "CWM" : "C-FT", worst: item < 3 ? "C-FT" : "CWM" },
  });
  const votes = Array.from({ length: 14 * 5 }, (_, i) => vote(Math.floor(i / 5), i % 5)); // 3 of 5 items for CWM, all raters agree
  const [byVote, byItem] = [peopleDifferences(votes, ["C-FT", "CWM"])[0]!, peopleDifferences(votes, ["C-FT", "CWM"], "item")[0]!];
  assertEquals([byVote.difference.n, byItem.difference.n], [70, 5]);
  assertClose([byVote.difference.mean], [byItem.difference.mean], 1e-12);
  assert(byItem.p > 0.5 && byVote.p < byItem.p, `${byVote.p} over votes, ${byItem.p} over items`);
});
