import { batchItems, dynamicsBatch, type EncodedTrajectory, longestSequence, worldBatch } from "../../lib/trajectories/mod.ts";
import { dispose } from "../../lib/engine/mod.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals, assertThrows, engine, UserError, withoutLeaks } from "../support.ts";

await engine();
const VOCABULARY = loadVocabulary(new URL("../../data/tiny", import.meta.url).pathname, 1000);
const SHAPE = { limit: 1024, multiple: 8 };
const ACTIONS = ["push it", "place the red circle left of the blue square"];

/** Trajectories of images of four tokens; in the second nothing changes. */
const ITEMS: readonly EncodedTrajectory[] = worldTrajectories("easy", 1, "train", 2).map((trajectory, i) => ({
  trajectory: { ...trajectory, action: ACTIONS[i]! },
  source: Uint16Array.of(1, 2, 3, 4),
  target: i === 0 ? Uint16Array.of(1, 2, 30, 40) : Uint16Array.of(1, 2, 3, 4),
  distances: i === 0 ? Float32Array.of(0, 0, 1, 7) : new Float32Array(4),
}));

Deno.test("batchItems() takes every item once an epoch, in another order each", () => {
  const items = [0, 1, 2, 3, 4];
  const drawn = Array.from({ length: 5 }, (_, i) => batchItems(items, 1, 2, i)).flat();
  assertEquals([drawn.slice(0, 5).sort(), drawn.slice(5).sort()], [items, items]);
  assert(`${drawn.slice(0, 5)}` !== `${drawn.slice(5)}`);
  assertEquals(batchItems(items, 1, 2, 3), batchItems(items, 1, 2, 3));
});

Deno.test("batchItems() gives the same order whatever the size of a batch, and may be larger than all there is", () => {
  const items = Array.from({ length: 7 }, (_, i) => i);
  const singly = Array.from({ length: 21 }, (_, i) => batchItems(items, 5, 1, i)).flat();
  assertEquals(Array.from({ length: 7 }, (_, i) => batchItems(items, 5, 3, i)).flat(), singly);
  assertEquals(batchItems(items, 5, 21, 0), singly);
});

Deno.test("worldBatch() learns the target's codes at the last positions, weighted by what changes", () =>
  withoutLeaks(() => {
    const { tensors, size } = worldBatch(ITEMS, VOCABULARY, { weights: "l2", normalise: "mean", floor: 0.2 }, SHAPE);
    const [rows, length] = tensors.tokens.shape as [number, number];
    assertEquals([rows, length % 8, tensors.labels.shape], [2, 0, [2, 4]]);
    assertEquals([...tensors.labels.dataSync()], [1, 2, 30, 40, 1, 2, 3, 4]);
    assertClose(tensors.weights.dataSync() as Float32Array, [0.2, 0.2, 0.6, 3, 1, 1, 1, 1], 1e-6); // 0.2 + 0.8 · d / 2
    const ids = [...tensors.tokens.dataSync()];
    const hidden = [...tensors.padding.dataSync()].map((value) => value < -1e8);
    ITEMS.forEach(({ trajectory: { action }, target }, row) => {
      const own = ids.slice(row * length, (row + 1) * length).filter((_, i) => !hidden[row * length + i]);
      const { bos, beginImage, endImage, turn, firstImage } = VOCABULARY;
      const source = [1, 2, 3, 4].map((code) => firstImage + code);
      const given = [...target.slice(0, 3)].map((code) => firstImage + code); // the last is a label alone
      assertEquals(own, [bos, beginImage, ...source, endImage, ...VOCABULARY.encode(action), ...turn.after, beginImage, ...given]);
    });
    assertEquals(size, hidden.filter((is) => !is).length);
    dispose(tensors);
  }));

Deno.test("dynamicsBatch() learns the action and the end; the mean of its weighted losses is the mean over tokens", () =>
  withoutLeaks(() => {
    const { tensors } = dynamicsBatch(ITEMS, VOCABULARY, SHAPE);
    const completions = ACTIONS.map((action) => [...VOCABULARY.encode(action), VOCABULARY.eos]);
    const longest = Math.max(...completions.map(({ length }) => length));
    const [labels, weights] = [[...tensors.labels.dataSync()], [...tensors.weights.dataSync()]];
    assertEquals(labels, completions.flatMap((ids) => [...Array<number>(longest - ids.length).fill(-1), ...ids]));
    const loss = (i: number) => (i * 7 % 5) + 0.5; // any losses
    const tokens = labels.flatMap((label, i) => label < 0 ? [] : [loss(i)]);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    assertClose([mean(weights.map((weight, i) => weight * loss(i)))], [mean(tokens)], 1e-5);
    dispose(tensors);
  }));

Deno.test("a sequence that does not fit is refused, never cut", () => {
  assertEquals(longestSequence([{ prompt: [1, 2], completion: [3] }, { prompt: [1], completion: [2, 3, 4] }]), 3);
  assertThrows(() => dynamicsBatch(ITEMS, VOCABULARY, { limit: 10, multiple: 8 }), UserError, "Cannot fit a sequence of");
});

Deno.test("worldBatch() of a backbone whose rows end in marks asks nothing of the marks, and keeps the mean over codes", () =>
  withoutLeaks(() => {
    const vocabulary = loadVocabulary(new URL("../parity/reference/emu3", import.meta.url).pathname, 64);
    const { tensors } = worldBatch(ITEMS, vocabulary, { weights: "l2", normalise: "mean", floor: 0.2 }, SHAPE);
    assertEquals(tensors.labels.shape, [2, 6]);
    const weights = tensors.weights.dataSync() as Float32Array;
    assertClose(weights, [0.3, 0.3, 0, 0.9, 4.5, 0, 1.5, 1.5, 0, 1.5, 1.5, 0], 1e-6); // 6 / 4 of those without marks
    dispose(tensors);
  }));
