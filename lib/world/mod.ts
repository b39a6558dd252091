/**
 * The tiny world: scenes, actions, pictures, and what is said of them.
 *
 * @module
 */
export { applyAction, randomAction } from "./actions.ts";
export { WORDS } from "./captions.ts";
export { DIFFICULTIES, type Difficulty, type DifficultyName } from "./difficulty.ts";
export { type Document, type EncodedScene, type ScenePool } from "./documents.ts";
export { type Change, type Judgement, judgePicture } from "./oracle.ts";
export { COLUMNS, parseAction, PHRASINGS, RELATIONS, ROWS, sayAction } from "./phrases.ts";
export { type FoundObject, type Reading, readScene } from "./read.ts";
export { FLOOR, RENDERER, renderScenes } from "./render.ts";
export { isUnseen, type Regime, REGIMES, supervisedWorld } from "./regimes.ts";
export { randomScene, type Scene, type SceneWish, type WorldObject } from "./scene.ts";
export { type Part } from "./shapes.ts";
export {
  type Action,
  type ActionKind,
  type Colour,
  COLOURS,
  type Direction,
  DIRECTIONS,
  FAMILIES,
  type Family,
  GRID,
  type Name,
  type Pattern,
  PATTERNS,
  PITCH,
  type Shape,
  SHAPES,
  SIDE,
  type Size,
  SIZES,
  type Tone,
  TONES,
} from "./things.ts";
export { counterfactualActions, type Split, type Transition, worldTrajectories, type WorldTrajectory } from "./dataset.ts";
export { FRAME_RATE, renderVideo, type VideoKind, type VideoTruth, type WorldVideo, worldVideos } from "./videos.ts";
