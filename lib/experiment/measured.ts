/**
 * One picture of one system, measured against what it should be.
 *
 * @module
 */
import { isOfDisk } from "../errors.ts";
import type { System } from "../judge/systems.ts";
import { measurePicture, type PictureMetric } from "../metrics/picture_metrics.ts";
import type { Trajectory } from "../trajectories/mod.ts";

/** Whose picture of what is measured. */
export interface Asked {
  /** The system. */
  readonly system: System;
  /** The trajectory. */
  readonly trajectory: Trajectory;
}

/** What came of it: scores by metric, or why there are none. */
export interface Measured {
  /** The system's name. */
  readonly system: string;
  /** The trajectory's. */
  readonly id: string;
  /** Scores by metric. */
  readonly scores?: Readonly<Record<string, number>>;
  /** Why there are none. */
  readonly reason?: string;
}

/** Measures a system's picture of a trajectory, or says why it cannot. */
export async function measureOne({ system, trajectory }: Asked, metrics: readonly PictureMetric[]): Promise<Measured> {
  const one = { system: system.name, id: trajectory.id };
  try {
    const [picture, target] = [await system.predict(trajectory), await trajectory.target.load()];
    if (!picture) return { ...one, reason: "it has no prediction" };
    return { ...one, scores: await measurePicture(metrics, picture, target, trajectory.id) };
  } catch (error) {
    if (isOfDisk(error)) throw error; // no fault of the picture, which would stay unmeasured
    return { ...one, reason: (error as Error).message };
  }
}
