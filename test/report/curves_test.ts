import type { Candidate } from "../../lib/judge/mod.ts";
import { type Pool, scoredPools, verificationCurves } from "../../lib/report/curves.ts";
import { assert, assertClose, assertEquals } from "../support.ts";

const candidate = (repeat: number, index: number, reward: number, score?: number): Candidate => ({
  ...{ id: "ag-1", subset: "ag", repeat, index, seed: 1, image: "", logLikelihood: reward, chosen: false, right: null },
  scores: score === undefined ? {} : { judge: score },
});

Deno.test("verificationCurves() is the mean over all choices of N, counted one by one", () => {
  const [rewards, scores] = [[-3, -1, -2, -5], [2, 9, 4, 7]];
  const curves = verificationCurves([{ id: "1", subset: "ag", repeat: 0, rewards, scores, right: [null, null, null, null], chosen: 1 }]);
  for (const [chooser, worth] of [["dynamics model", rewards], ["oracle", scores]] as const) {
    for (let n = 1; n <= 4; n++) {
      const choices = Array.from({ length: 16 }, (_, bits) => [0, 1, 2, 3].filter((i) => bits >> i & 1)).filter((own) => own.length === n);
      const chosen = choices.map((own) => own.toSorted((a, b) => worth[b]! - worth[a]!)[0]!);
      const expected = chosen.reduce((sum, i) => sum + scores[i]!, 0) / choices.length;
      const point = curves.find((row) => row.chooser === chooser && row.N === n)!;
      assertClose([point.score], [expected], 1e-12, `${chooser} ${n}`);
    }
  }
  const random = curves.filter(({ chooser }) => chooser === "random");
  assertEquals(random.map(({ score }) => score), [5.5, 5.5, 5.5, 5.5]);
});

Deno.test("verificationCurves() gives the paper's separate runs beside it: the first N of each repeat, mean and deviation", () => {
  const pool = (repeat: number, rewards: number[], scores: number[]) => ({
    ...{ id: "1", subset: "ag", repeat, rewards, scores, right: scores.map(() => null), chosen: 0 },
  });
  const curves = verificationCurves([pool(0, [-2, -1], [4, 8]), pool(1, [-1, -2], [6, 0]), pool(2, [-2, -1], [5, 1])]);
  const [one, two] = curves;
  assertEquals([one!["first N"], one!["deviation of first N"]], [5, 1]); // 4, 6, 5
  assertClose([two!["first N"], two!["deviation of first N"]!], [5, Math.sqrt(13)], 1e-12); // 8, 6, 1
  assertEquals([two!.score, one!.score], [5, 4]); // 8, 6, 1; 6, 3, 3
});

Deno.test("verificationCurves() takes the least of a distance for the best", () => {
  const pool = { id: "1", subset: "ag", repeat: 0, rewards: [-1, -2], scores: [0.3, 0.1], right: [null, null], chosen: 0 };
  const best = (lower: boolean) => verificationCurves([pool], lower).findLast(({ chooser }) => chooser === "oracle")!.score;
  assertEquals([best(true), best(false)], [0.1, 0.3]);
});

Deno.test("scoredPools() puts candidates in their order and leaves out pools that are not whole", () => {
  const candidates = [candidate(0, 1, -1, 8), candidate(0, 0, -2, 4), candidate(1, 0, -1, 3), candidate(1, 1, -1), candidate(2, 0, -1, 5)];
  const pools = scoredPools(candidates, "judge");
  assertEquals(pools.map(({ repeat, rewards, scores }) => ({ repeat, rewards, scores })), [{
    repeat: 0,
    rewards: [-2, -1],
    scores: [4, 8],
  }]);
  assert(verificationCurves(scoredPools(candidates, "nobody")).length === 0);
});

const pool = (id: string, repeat: number, more: Partial<Pool>): Pool => ({
  ...{ id, subset: "ag", repeat, rewards: [-1, -2], scores: [2, 6], right: [false, true], chosen: 0 },
  ...more,
});
const of = (pools: readonly Pool[], chooser: string) => verificationCurves(pools).filter((point) => point.chooser === chooser);

Deno.test("verificationCurves() begin at the mean of a pool, and end at what the chooser takes of all", () => {
  const pools = [pool("a", 0, {})];
  assertEquals(of(pools, "dynamics model").map(({ N, score, right }) => [N, score, right]), [[1, 4, 0.5], [2, 2, 0]]);
  assertEquals(of(pools, "oracle").map(({ N, score }) => [N, score]), [[1, 4], [2, 6]]);
});

Deno.test("verificationCurves() average trajectories, then repeats, with the deviation of repeats and the interval of trajectories", () => {
  // what the dynamics model takes of two: repeat 0 gives a 2, b 8; repeat 1 gives a 6, b 10: means 5 and 8, by trajectory 4 and 9
  const pools = [
    pool("a", 0, { scores: [2, 0] }),
    pool("b", 0, { scores: [8, 0] }),
    pool("a", 1, { scores: [6, 0] }),
    pool("b", 1, { scores: [10, 0] }),
  ];
  const last = of(pools, "dynamics model").at(-1)!;
  assertClose([last.score, last["deviation of repeats"]!], [6.5, Math.sqrt(4.5)], 1e-9);
  assertClose([last["± 95 % over trajectories"]!], [1.96 * Math.sqrt(12.5) / Math.sqrt(2)], 1e-9);
});

Deno.test("verificationCurves() say nothing of right ones where that is not known of all, and nothing at all of no pools", () => {
  assertEquals(of([pool("a", 0, {}), pool("b", 0, { right: [null, null] })], "oracle").map(({ right }) => right), [null, null]);
  assertEquals(verificationCurves([]), []);
  assertEquals(of([pool("a", 0, {})], "oracle").map((point) => point["deviation of repeats"]), [null, null]); // of one repeat
});
