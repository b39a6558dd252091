/**
 * The vocabulary of the tiny world, as data: how objects look, what they are called, and what can be done to them.
 *
 * @module
 */

/** What an object can look like. */
export const SHAPES = ["circle", "square", "triangle", "diamond", "cross", "person"] as const;
/** Colours of objects, as they are called and drawn. */
export const COLOURS = {
  red: "#d82020",
  green: "#18a030",
  blue: "#2048e0",
  yellow: "#f0d000",
  purple: "#a030c8",
  cyan: "#20c8d8",
} as const;
/** Sizes, as half widths in pixels of a 64-pixel image. */
export const SIZES = { small: 6, large: 8 } as const;
/** Tones of backgrounds, as they are called and drawn. */
export const TONES = { white: "#f0f0f0", grey: "#b0b0b0", brown: "#8a7462", black: "#303030" } as const;
/** Patterns of backgrounds. The floor is where physics happens; stripes and checks are for the `hard` world. */
export const PATTERNS = ["plain", "floor", "stripes", "checks"] as const;
/** Places along a side. */
export const GRID = 3;
/** Pixels of a scene's side. */
export const SIDE = 64;
/** Pixels from place to place: an object of 16 pixels covers 2 × 2 image tokens of 8, with a column of tokens between. */
export const PITCH = 24;

/** A shape's name. */
export type Shape = typeof SHAPES[number];
/** A colour's name. */
export type Colour = keyof typeof COLOURS;
/** A size's name. */
export type Size = keyof typeof SIZES;
/** A tone's name. */
export type Tone = keyof typeof TONES;
/** A pattern's name. */
export type Pattern = typeof PATTERNS[number];

/** What an object is called by. */
export interface Name {
  /** Its colour. */
  readonly colour: Colour;
  /** Its shape. */
  readonly shape: Shape;
}

/** Families of transitions, after the subsets of Aurora-Bench that they mirror. */
export const FAMILIES = ["edit", "people", "manipulate", "spatial", "physics"] as const;
/** A family: MagicBrush, Action-Genome, Something-Something, WhatsUp, Kubric. */
export type Family = typeof FAMILIES[number];

/** Directions, as steps of rows and columns. */
export const DIRECTIONS = { up: [-1, 0], down: [1, 0], left: [0, -1], right: [0, 1] } as const;
/** A direction's name. */
export type Direction = keyof typeof DIRECTIONS;

/** What an action means. */
export type Action =
  | { readonly kind: "recolour"; readonly object: Name; readonly colour: Colour }
  | { readonly kind: "remove"; readonly object: Name }
  | { readonly kind: "add"; readonly object: Name; readonly row: number; readonly column: number }
  | { readonly kind: "replace"; readonly object: Name; readonly shape: Shape }
  | { readonly kind: "resize"; readonly object: Name; readonly size: Size }
  | { readonly kind: "walk"; readonly direction: Direction }
  | { readonly kind: "raise" }
  | { readonly kind: "lower" }
  | { readonly kind: "push" | "roll"; readonly object: Name; readonly direction: Direction }
  | { readonly kind: "turn"; readonly object: Name }
  | { readonly kind: "swap"; readonly object: Name; readonly other: Name }
  | { readonly kind: "beside"; readonly object: Name; readonly direction: Direction; readonly other: Name }
  | { readonly kind: "fall"; readonly object: Name };
/** A kind of action. */
export type ActionKind = Action["kind"];

/** What an object is called in English; there is one person at most, so its colour is not said. */
export function objectName({ colour, shape }: Name): string {
  return shape === "person" ? "person" : `${colour} ${shape}`;
}
