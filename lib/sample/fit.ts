/**
 * How many rows are drawn or scored together, so that they fit into the memory that a sampler may use.
 *
 * A row is the same whatever is drawn with it, up to rounding: products of another size round differently in the last bits.
 *
 * @module
 */
import { copyFits, drawingBytes, mergedBytes, rowsThatFit } from "../model/memory.ts";
import { hasLoops, precisionOf } from "../engine/mod.ts";
import { promptsOfRow } from "./draw.ts";
import type { Sampler } from "./sampler.ts";

/** What is to be drawn. */
export interface Drawing {
  /** Prompts. */
  readonly prompts: readonly (readonly number[])[];
  /** Tokens after each. */
  readonly tokens: number;
  /** Rows that share a prompt. */
  readonly each: number;
  /** Scales of guidance, which takes more than one prompt a row; 1 and 1 when absent. */
  readonly guidance?: { readonly text: number; readonly image: number };
}

/** Rows of some prompts that are drawn together: as many as are wanted, or fewer that fit. */
export function drawingRows(sampler: Sampler, wanted: number, { prompts, tokens, each, guidance }: Drawing): number {
  const { budget, model, head } = sampler;
  if (budget === undefined) return wanted;
  const positions = Math.max(...prompts.map(({ length }) => length));
  const times = promptsOfRow(guidance ?? { text: 1, image: 1 });
  const shape = { positions, tokens, head: head.shape[0]!, bytes: bytesOf(sampler) };
  const bytes = (rows: number) => drawingBytes(model.config, { ...shape, rows: times * rows, prompts: times * Math.ceil(rows / each) });
  return rowsThatFit(wanted, budget - (loopFits(sampler) ? copyBytes(sampler) : 0), bytes);
}

/** Whether a drawing runs as one loop: what an adapter is merged into takes half of the budget at most, and on wasm heads are of some fours. */
export function loopFits(sampler: Sampler): boolean {
  const { hiddenSize, heads } = sampler.model.config;
  return (hasLoops() || hiddenSize / heads % 4 === 0) && copyFits(copyBytes(sampler), sampler.budget ?? Infinity);
}

function copyBytes(sampler: Sampler): number {
  return sampler.adapter ? mergedBytes(sampler.model.config, bytesOf(sampler)) : 0;
}

/** Bytes of an activation. */
export function bytesOf({ model }: Sampler): number {
  return precisionOf(model.layers[0]!.q_proj) === "bfloat16" ? 2 : 4;
}
