/**
 * The dial of the tiny world: how much there is to see and to do in it.
 *
 * @module
 */
import {
  type ActionKind,
  type Colour,
  COLOURS,
  type Family,
  type Pattern,
  type Shape,
  type Size,
  SIZES,
  type Tone,
  TONES,
} from "./things.ts";

/** A setting of the dial. */
export interface Difficulty {
  /** Fewest and most objects. */
  readonly objects: readonly [number, number];
  /** Shapes, persons aside. */
  readonly shapes: readonly Shape[];
  /** Colours of objects. */
  readonly colours: readonly Colour[];
  /** Sizes of objects. */
  readonly sizes: readonly Size[];
  /** Quarter turns that a triangle may have. */
  readonly turns: readonly number[];
  /** Kinds of actions, by family. */
  readonly actions: Readonly<Record<Family, readonly ActionKind[]>>;
  /** Most objects that are there beside those counted, so that scenes are fuller. */
  readonly distractors: number;
  /** Tones of backgrounds. */
  readonly tones: readonly Tone[];
  /** Patterns of backgrounds, the floor aside. */
  readonly patterns: readonly Pattern[];
  /** Pixels by which objects stand off their places; over 4 they can hide each other. */
  readonly jitter: number;
  /** Pixels by which the camera may move between source and target, along each axis. */
  readonly cameraShift: number;
}

/** Settings of the dial by name. */
export const DIFFICULTIES = {
  easy: {
    objects: [1, 2],
    shapes: ["circle", "square", "triangle"],
    colours: ["red", "green", "blue", "yellow"],
    sizes: ["large"],
    turns: [0],
    actions: { edit: ["recolour", "remove"], people: ["walk"], manipulate: ["push"], spatial: ["beside"], physics: ["fall"] },
    distractors: 0,
    tones: ["white", "grey"],
    patterns: ["plain"],
    jitter: 0,
    cameraShift: 0,
  },
  default: {
    objects: [1, 3],
    shapes: ["circle", "square", "triangle", "diamond", "cross"],
    colours: ["red", "green", "blue", "yellow", "purple", "cyan"],
    sizes: ["large"],
    turns: [0],
    actions: {
      edit: ["recolour", "remove", "add"],
      people: ["walk", "raise", "lower"],
      manipulate: ["push"],
      spatial: ["beside"],
      physics: ["fall", "roll"],
    },
    distractors: 0,
    tones: ["white", "grey", "brown", "black"],
    patterns: ["plain"],
    jitter: 0,
    cameraShift: 0,
  },
  hard: {
    objects: [2, 4],
    shapes: ["circle", "square", "triangle", "diamond", "cross"],
    colours: Object.keys(COLOURS) as Colour[],
    sizes: Object.keys(SIZES) as Size[],
    turns: [0, 1, 2, 3],
    actions: {
      edit: ["recolour", "remove", "add", "replace", "resize"],
      people: ["walk", "raise", "lower"],
      manipulate: ["push", "turn", "swap"],
      spatial: ["beside"],
      physics: ["fall", "roll"],
    },
    distractors: 1,
    tones: Object.keys(TONES) as Tone[],
    patterns: ["plain", "stripes", "checks"],
    jitter: 7,
    cameraShift: 2,
  },
} as const satisfies Record<string, Difficulty>;

/** Name of a setting. */
export type DifficultyName = keyof typeof DIFFICULTIES;
