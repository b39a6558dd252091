import sharp from "sharp";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { randomStream } from "../../lib/engine/random.ts";
import { type Judgement, judgePicture, renderScenes, type Scene, SIDE, type WorldObject, worldTrajectories } from "../../lib/world/mod.ts";
import { changesOf } from "../../lib/world/oracle.ts";
import { isFree } from "../../lib/world/scene.ts";
import { assert, assertEquals } from "../support.ts";

const TRAJECTORIES = worldTrajectories("default", 7, "bench", 1000);
const BEFORE = await renderScenes(TRAJECTORIES.map(({ before }) => before));
const AFTER = await renderScenes(TRAJECTORIES.map(({ after }) => after));

/** Judges a picture for each trajectory. */
function judgeAll(picture: (i: number) => RgbImage): Judgement[] {
  return TRAJECTORIES.map(({ before, after }, i) => judgePicture(before, after, picture(i)));
}

/** Judges the target scene as something changes it; trajectories for which it gives none are left out. */
async function judgeChanged(change: (after: Scene, i: number) => Scene | undefined): Promise<Judgement[]> {
  const changed = TRAJECTORIES.map(({ after }, i) => change(after, i));
  const chosen = changed.flatMap((scene, i) => scene ? [{ scene, i }] : []);
  assert(chosen.length > 100, `only ${chosen.length} scenes to try`);
  const pictures = await renderScenes(chosen.map(({ scene }) => scene));
  return chosen.map(({ i }, j) => judgePicture(TRAJECTORIES[i]!.before, TRAJECTORIES[i]!.after, pictures[j]!));
}

function shareOf(judgements: readonly Judgement[], holds: (judgement: Judgement) => boolean): number {
  return judgements.filter(holds).length / judgements.length;
}

/** An object that has to stay, and one that the action put there. */
const staying = (i: number) => changesOf(TRAJECTORIES[i]!.before, TRAJECTORIES[i]!.after).kept[0];
const arrived = (i: number) => changesOf(TRAJECTORIES[i]!.before, TRAJECTORIES[i]!.after).changes.find(({ there }) => there)?.there;
const exchanged = (scene: Scene, object: WorldObject, by?: WorldObject): Scene => ({
  ...scene,
  objects: scene.objects.flatMap((other) => other !== object ? [other] : by ? [by] : []),
});

Deno.test("the true target gets 10 of 10 twice", () => {
  assert(shareOf(judgeAll((i) => AFTER[i]!), ({ success, minimal }) => success === 10 && minimal === 10) >= 0.99);
});

Deno.test("the copy gets no success, and full points for changing nothing", () => {
  const judgements = judgeAll((i) => BEFORE[i]!);
  assertEquals(shareOf(judgements, ({ success }) => success === 0), 1);
  assert(shareOf(judgements, ({ minimal }) => minimal === 10) >= 0.99);
  assert(judgements.every(({ reasons }) => reasons.length > 0));
});

Deno.test("noise, nothing, and another scene's picture get 1 point at most", () => {
  const random = randomStream("noise");
  const noise = () => ({ width: SIDE, height: SIDE, data: Uint8Array.from({ length: 3 * SIDE * SIDE }, () => 256 * random()) });
  const grey = { width: SIDE, height: SIDE, data: new Uint8Array(3 * SIDE * SIDE).fill(176) };
  const low = ({ success, minimal }: Judgement) => success <= 1 && minimal <= 1;
  assertEquals(shareOf(judgeAll(noise), low), 1);
  assertEquals(shareOf(judgeAll(() => grey), low), 1);
  assert(shareOf(judgeAll((i) => AFTER[(i + 501) % 1000]!), low) >= 0.99);
});

Deno.test("a wrong place or a wrong object is no success, and an unasked object", async () => {
  const places = await judgeChanged((after, i) => {
    const object = arrived(i);
    const free = Array.from({ length: 9 }, (_, k) => [Math.floor(k / 3), k % 3] as const)
      .find(([row, column]) => isFree(after, row, column) && isFree(TRAJECTORIES[i]!.before, row, column));
    return object && free && exchanged(after, object, { ...object, row: free[0], column: free[1] });
  });
  const colours = await judgeChanged((after, i) => {
    const object = arrived(i);
    const colour = (["red", "green", "blue"] as const).find((one) =>
      [...after.objects, ...TRAJECTORIES[i]!.before.objects].every((other) => other.colour !== one)
    );
    return object && colour && exchanged(after, object, { ...object, colour });
  });
  for (const judgements of [places, colours]) assert(shareOf(judgements, ({ success, minimal }) => success === 0 && minimal <= 7) >= 0.99);
});

Deno.test("an extra object costs 3 points of minimal editing and none of success", async () => {
  const judgements = await judgeChanged((after, i) => {
    const before = TRAJECTORIES[i]!.before;
    const free = [[0, 0], [2, 2], [1, 1], [0, 2]].find(([row, column]) => isFree(after, row!, column!) && isFree(before, row!, column!));
    if (!free) return;
    const extra = { shape: "cross", colour: "green", size: "large", turn: 0, row: free[0]!, column: free[1]!, offset: [0, 0] } as const;
    return { ...after, objects: [...after.objects, extra] };
  });
  assert(shareOf(judgements, ({ success, minimal }) => success === 10 && minimal === 7) >= 0.99);
});

Deno.test("a lost object costs its share of minimal editing", async () => {
  const judgements = await judgeChanged((after, i) => {
    const object = staying(i);
    return object && after.objects.length > 1 ? exchanged(after, object) : undefined;
  });
  assertEquals(shareOf(judgements, ({ minimal, right }) => minimal <= 7 && !right), 1);
});

Deno.test("another background is another picture, a missing floor costs points", async () => {
  const toned = await judgeChanged((after) => ({
    ...after,
    background: { ...after.background, tone: after.background.tone === "white" ? "black" : "white" },
  }));
  assertEquals(shareOf(toned, ({ success, minimal }) => success === 0 && minimal === 0), 1);
  const bare = await judgeChanged((after) =>
    after.background.pattern === "floor" ? { ...after, background: { ...after.background, pattern: "plain" } } : undefined
  );
  assertEquals(shareOf(bare, ({ success, minimal }) => success === 10 && minimal === 7), 1);
});

Deno.test("a blurred picture loses points, and the more the more it is blurred", async () => {
  const blurred = async (sigma: number) =>
    judgeAll(((pictures) => (i: number) => pictures[i]!)(
      await Promise.all(AFTER.map(async ({ data }) => ({
        width: SIDE,
        height: SIDE,
        data: new Uint8Array(await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } }).blur(sigma).raw().toBuffer()),
      }))),
    ));
  const points = (judgements: readonly Judgement[]) =>
    judgements.reduce((sum, { success, minimal }) => sum + success + minimal, 0) / judgements.length;
  const [sharpest, softer, softest] = [points(await blurred(0.5)), points(await blurred(2)), points(await blurred(4))];
  assert(sharpest > 19 && softer < sharpest && softest < 2, `${sharpest}, ${softer}, ${softest}`);
});
