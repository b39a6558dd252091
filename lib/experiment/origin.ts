/**
 * What a stage's pictures say of where they come from (paper A.10).
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { provenanceXmp } from "../provenance/mod.ts";
import { VERSION } from "./run.ts";
import type { Stage } from "./stage.ts";
import type { Invocation } from "./task.ts";

/** The XMP of a picture that was predicted for an action, or of a sheet of pictures for several. */
export type Origin = (action: string | readonly string[], seed: number, candidate?: number) => string | undefined;

/**
 * What a stage's pictures say of themselves, unless `--provenance=false` forbids it, which is told on the terminal.
 *
 * @param invocation of the task
 * @param stage whose base and adapter draw
 * @param adapter its name among the stage's adapters, or `trained`: the one that the stage trains
 * @returns gives the XMP of a picture, or undefined where it is to say nothing
 * @throws UserError when the flag is neither true nor false
 */
export function originOf({ flags }: Invocation, { inputs, digest }: Pick<Stage, "inputs" | "digest">, adapter: string): Origin {
  const wanted = flags["provenance"] ?? "true";
  if (wanted !== "true" && wanted !== "false") throw new UserError(`Cannot use --provenance=${wanted}: give true or false`);
  if (wanted === "true") {
    const [base, own] = [inputs["base"]!, adapter === "trained" ? `of the training ${digest}` : inputs[adapter]];
    return (actions, seed, candidate) => {
      const action = [actions].flat().join(" | ");
      return provenanceXmp({ action, seed, base, adapter: own, candidate, version: VERSION });
    };
  }
  console.warn("Pictures do not say that a model made them (--provenance=false)");
  return () => undefined;
}
