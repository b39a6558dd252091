/**
 * What supervision shows of the tiny world. In the regime `full` it shows everything; in `scarce`, as in the paper's real-world subsets,
 * some colours, shapes and backgrounds occur in unlabelled videos and in half of the bench alone.
 *
 * @module
 */
import { DIFFICULTIES, type Difficulty, type DifficultyName } from "./difficulty.ts";
import type { Scene } from "./scene.ts";
import type { Colour, Shape, Tone } from "./things.ts";

/** Names of the regimes. */
export const REGIMES = ["full", "scarce"] as const;
/** A regime's name. */
export type Regime = typeof REGIMES[number];

/** What supervision never shows. */
interface Unseen {
  readonly colours: readonly Colour[];
  readonly shapes: readonly Shape[];
  readonly tones: readonly Tone[];
}

const UNSEEN: Readonly<Record<DifficultyName, Unseen>> = {
  easy: { colours: ["yellow"], shapes: ["triangle"], tones: [] },
  default: { colours: ["purple", "cyan"], shapes: ["cross"], tones: ["black"] },
  hard: { colours: ["purple", "cyan"], shapes: ["cross"], tones: ["black"] },
};

/**
 * The part of the world that supervision shows.
 *
 * @param difficulty the dial
 * @param regime what is left out
 * @returns the dial's setting, in the scarce regime without some colours, shapes and tones
 *
 * @example Nothing yellow
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.world.supervisedWorld("easy", "scarce").colours, ["red", "green", "blue"]);
 * ```
 */
export function supervisedWorld(difficulty: DifficultyName, regime: Regime): Difficulty {
  const world = DIFFICULTIES[difficulty];
  if (regime === "full") return world;
  const { colours, shapes, tones } = UNSEEN[difficulty];
  return {
    ...world,
    colours: world.colours.filter((colour) => !colours.includes(colour)),
    shapes: world.shapes.filter((shape) => !shapes.includes(shape)),
    tones: world.tones.filter((tone) => !tones.includes(tone)),
  };
}

/**
 * Whether a transition shows what supervision in the scarce regime never does, before or after its action.
 *
 * @param transition its scenes
 * @param difficulty the dial
 * @returns whether a colour, a shape or a tone of it is unseen
 *
 * @example Supervision shows nothing unseen
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const seen = ws.worldTrajectories("easy", 1, "train", 20, "scarce");
 * assert(!seen.some((trajectory) => ws.world.isUnseen(trajectory, "easy")));
 * ```
 */
export function isUnseen({ before, after }: { readonly before: Scene; readonly after: Scene }, difficulty: DifficultyName): boolean {
  const { colours, shapes, tones } = UNSEEN[difficulty];
  return [before, after].some(({ background, objects }) =>
    tones.includes(background.tone) ||
    objects.some(({ shape, colour }) => shapes.includes(shape) || colours.includes(colour))
  );
}
