/**
 * The one record that everything is about: source observation, action, target observation.
 *
 * @module
 */
import type { RgbImage } from "../tokens/mod.ts";

/** An image that is loaded when it is needed. */
export interface Observation {
  /** What it is called in messages: a path or a scene's number. */
  readonly name: string;
  /** A digest of its content; equal content has an equal key. */
  key(): Promise<string>;
  /** Its pixels. */
  load(): Promise<RgbImage>;
}

/** A trajectory. */
export interface Trajectory {
  /** Its name, unique in its data set. */
  readonly id: string;
  /** The subset it belongs to, such as "magicbrush". */
  readonly subset: string;
  /** What was seen before. */
  readonly source: Observation;
  /** What was done, in words. */
  readonly action: string;
  /** What was seen after. */
  readonly target: Observation;
  /** How much its loss counts; 1 when absent. */
  readonly weight?: number;
}

/** Something that keeps a trajectory from being used. */
export interface Problem {
  /** The trajectory. */
  readonly id: string;
  /** What is wrong. */
  readonly reason: string;
}

/** What a list holds. */
export interface TrajectoryList {
  /** Trajectories whose files are there. */
  readonly trajectories: readonly Trajectory[];
  /** The others. */
  readonly problems: readonly Problem[];
}
