import { countChangedTokens, doesTheSame, judgeCodes, judgeRoundTrip, shareByFamily } from "../../lib/gates/measures.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { encodePictures } from "../../lib/tokens/mod.ts";
import { FAMILIES, parseAction, renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { phrasingsOf } from "../../lib/world/phrases.ts";
import { assert, assertClose, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const TRAJECTORIES = worldTrajectories("default", 9, "bench", 60);
const blank = { source: new Uint16Array(64), target: new Uint16Array(64), distances: new Float32Array(64) };

Deno.test("doesTheSame() goes by what is done to the scene, not by words or the order of objects", () => {
  for (const trajectory of TRAJECTORIES) {
    for (const phrasing of phrasingsOf(trajectory.meaning)) assert(doesTheSame(phrasing, trajectory), phrasing);
    const reversed = { ...trajectory, after: { ...trajectory.after, objects: trajectory.after.objects.toReversed() } };
    assert(doesTheSame(trajectory.action, reversed));
    for (const other of ["", "do it", "remove the cyan cross and all else"]) assert(!doesTheSame(other, trajectory), other);
  }
  const others = TRAJECTORIES.filter((one, i) => doesTheSame(TRAJECTORIES[(i + 1) % TRAJECTORIES.length]!.action, one));
  assert(others.length < 3, `${others.length} actions of other trajectories do the same`);
  assert(TRAJECTORIES.every(({ action }) => parseAction(action)));
});

Deno.test("countChangedTokens() tells tokens that changed where pixels did from those that changed elsewhere", async () => {
  const picture = (pixels: readonly number[]) => {
    const data = new Uint8Array(16 * 16 * 3).fill(100);
    for (const pixel of pixels) data[3 * pixel] = 200;
    return { width: 16, height: 16, data };
  };
  const [trajectory] = TRAJECTORIES as [typeof TRAJECTORIES[number]];
  const item = (pixels: readonly number[], target: readonly number[]) => ({
    ...{ source: Uint16Array.of(1, 2, 3, 4), target: Uint16Array.from(target), distances: new Float32Array(4) }, // 2 × 2 places of 8 × 8 pixels
    trajectory: {
      ...trajectory,
      source: { ...trajectory.source, load: () => Promise.resolve(picture([])) },
      target: { ...trajectory.target, load: () => Promise.resolve(picture(pixels)) },
    },
  });
  const upperRight = 16 * 3 + 9;
  assertEquals(await countChangedTokens([item([upperRight], [1, 9, 3, 4])]), { outside: 0, changed: 1, touched: 1 });
  assertEquals(await countChangedTokens([item([upperRight], [9, 2, 9, 4])]), { outside: 2, changed: 2, touched: 1 });
  const lowerLeft = 16 * 12 + 2;
  assertEquals(await countChangedTokens([item([], [1, 2, 3, 4]), item([upperRight, lowerLeft], [1, 2, 9, 9])]), {
    ...{ outside: 0.5, changed: 1, touched: 1 }, // means of two images
  });
});

Deno.test("shareByFamily() gives each family its own share", () => {
  const items = TRAJECTORIES.slice(0, 20).map((trajectory) => ({ ...blank, trajectory })); // four of each family, in turn
  const holds = items.map(({ trajectory: { subset } }, i) => subset === "edit" || subset === "people" && i < 10);
  const shares = shareByFamily(items, holds);
  assertClose(FAMILIES.map((family) => shares[family]), [1, 0.5, 0, 0, 0], 1e-12);
});

Deno.test("judgeRoundTrip() finds nearly every target right; judgeCodes() of the sources finds no success", () =>
  withoutLeaks(async () => {
    const model = loadModel(TINY, "float32");
    const trajectories = TRAJECTORIES.slice(0, 20);
    const codes = encodePictures(model.vqgan, await renderScenes(trajectories.flatMap(({ before, after }) => [before, after])));
    const items = trajectories.map((trajectory, i) => ({
      ...{
        trajectory,
        source: Uint16Array.from(codes[2 * i]!),
        target: Uint16Array.from(codes[2 * i + 1]!),
        distances: new Float32Array(64),
      },
    }));
    const right = judgeRoundTrip(model.vqgan, items).filter((one) => one.right).length;
    assert(right >= 18, `${right} of 20 targets are right after encoding and decoding`);
    const copies = judgeCodes(model.vqgan, items, items.map(({ source }) => [...source]));
    assertEquals([copies.length, copies.filter(({ success }) => success > 0).length], [20, 0]);
    disposeModel(model);
  }));
