import { DIFFICULTIES, type Difficulty } from "../../lib/world/difficulty.ts";
import { FAMILIES, GRID } from "../../lib/world/things.ts";
import { assert } from "../support.ts";

Deno.test("each setting of the dial has all that the one before has, and more", () => {
  const settings: readonly Difficulty[] = [DIFFICULTIES.easy, DIFFICULTIES.default, DIFFICULTIES.hard];
  const within = (a: readonly unknown[], b: readonly unknown[]) => a.every((one) => b.includes(one));
  for (const [i, harder] of settings.entries()) {
    const easier = settings[i - 1];
    if (!easier) continue;
    for (const key of ["shapes", "colours", "sizes", "turns", "tones", "patterns"] as const) assert(within(easier[key], harder[key]), key);
    for (const family of FAMILIES) assert(within(easier.actions[family], harder.actions[family]), family);
    assert(harder.objects[0] >= easier.objects[0] && harder.objects[1] > easier.objects[1]);
    for (const key of ["distractors", "jitter", "cameraShift"] as const) assert(harder[key] >= easier[key], key);
  }
});

Deno.test("every setting can be drawn: places suffice, every family can act, colours tell objects apart", () => {
  for (const [name, { objects: [least, most], distractors, shapes, colours, actions }] of Object.entries<Difficulty>(DIFFICULTIES)) {
    assert(least >= 1 && least <= most && most + distractors < GRID * GRID, name); // one place stays free to move to
    assert(shapes.length * colours.length >= 2 * (most + distractors), name);
    assert(FAMILIES.every((family) => actions[family].length > 0), name);
    assert(!shapes.includes("person"), name);
  }
});
