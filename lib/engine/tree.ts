/**
 * Trees of tensors: a tensor, or arrays and records of trees. What compiled functions take and return.
 *
 * @module
 */
import { type Tensor, tf } from "./tf.ts";

/** A tensor, or arrays and records of them; numbers, strings and booleans may stand between as constants. */
export type Tree = Tensor | number | string | boolean | null | undefined | readonly Tree[] | { readonly [key: string]: Tree };

/** The tensors of a tree, from left to right. */
export function leaves(tree: unknown, into: Tensor[] = []): Tensor[] {
  if (tree instanceof tf.Tensor) into.push(tree);
  else if (Array.isArray(tree)) { for (const branch of tree) leaves(branch, into); }
  else if (typeof tree === "object" && tree !== null) { for (const branch of Object.values(tree)) leaves(branch, into); }
  return into;
}

/** The same tree with its tensors replaced, from left to right. */
export function withLeaves<T>(tree: T, tensors: readonly Tensor[]): T {
  let next = 0;
  const replace = (branch: unknown): unknown => {
    if (branch instanceof tf.Tensor) return tensors[next++];
    if (Array.isArray(branch)) return branch.map(replace);
    if (typeof branch !== "object" || branch === null) return branch;
    return Object.fromEntries(Object.entries(branch).map(([key, value]) => [key, replace(value)]));
  };
  return replace(tree) as T;
}

/** A tree's form as text; `describe` says what matters of a tensor. */
export function form(tree: unknown, describe: (tensor: Tensor) => string): string {
  if (tree instanceof tf.Tensor) return describe(tree);
  if (Array.isArray(tree)) return `[${tree.map((branch) => form(branch, describe)).join()}]`;
  if (typeof tree !== "object" || tree === null) return String(tree);
  return `{${Object.entries(tree).map(([key, value]) => `${key}:${form(value, describe)}`).join()}}`;
}
