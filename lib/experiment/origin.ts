/**
 * What a stage's pictures say of where they come from (paper A.10).
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { type Provenance, provenanceXmp } from "../provenance/mod.ts";
import { VERSION } from "./run.ts";
import type { Stage } from "./stage.ts";
import type { Invocation } from "./task.ts";

/** The XMP of a picture that was predicted for an action, or of a sheet of pictures for several. */
export type Origin = (action: string | readonly string[], seed: number, candidate?: number) => string | undefined;

/** What made a stage's pictures. */
export type Maker = Pick<Provenance, "base" | "adapter" | "version">;

/**
 * What made a stage's pictures, unless `--provenance=false` forbids them to say it, which is told on the terminal.
 *
 * @param invocation of the task
 * @param stage whose base and adapter draw
 * @param adapter its name among the stage's adapters, or `trained`: the one that the stage trains
 * @returns base, adapter and version, or undefined where pictures are to say nothing
 * @throws UserError when the flag is neither true nor false
 */
export function makerOf(
  { flags }: Pick<Invocation, "flags">,
  { inputs, digest }: Pick<Stage, "inputs" | "digest">,
  adapter: string,
): Maker | undefined {
  const wanted = flags["provenance"] ?? "true";
  if (wanted !== "true" && wanted !== "false") throw new UserError(`Cannot use --provenance=${wanted}: give true or false`);
  const own = adapter === "trained" ? `of the training ${digest}` : inputs[adapter];
  if (wanted === "true") return { base: inputs["base"]!, adapter: own, version: VERSION };
  console.warn("Pictures do not say that a model made them (--provenance=false)");
}

/**
 * What a stage's pictures say of themselves, unless `--provenance=false` forbids it, which is told on the terminal.
 *
 * @param invocation of the task
 * @param stage whose base and adapter draw
 * @param adapter its name among the stage's adapters, or `trained`: the one that the stage trains
 * @returns gives the XMP of a picture, or undefined where it is to say nothing
 * @throws UserError when the flag is neither true nor false
 */
export function originOf(invocation: Invocation, stage: Pick<Stage, "inputs" | "digest">, adapter: string): Origin {
  const maker = makerOf(invocation, stage, adapter);
  return (actions, seed, candidate) => maker && provenanceXmp({ ...maker, action: [actions].flat().join(" | "), seed, candidate });
}
