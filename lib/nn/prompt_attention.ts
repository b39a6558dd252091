/**
 * Attention while tokens are drawn: many sequences after few prompts.
 *
 * @module
 */
import { precisionOf, type Tensor, tf } from "../engine/mod.ts";
import { maskedSoftmax } from "./layers.ts";

/**
 * Attention of one new query a sequence over its prompt and its own slots. Sequences with one prompt share its keys and
 * values, which are read once for all of them: N queries are N rows of one product.
 *
 * @param q the queries, [P · N, H, 1, d]; the N sequences of a prompt side by side
 * @param prompt keys and values of the prompts, [P, H, S, d]
 * @param own keys and values of each sequence, [P · N, H, C, d]
 * @param mask 0 where there is something, −1e9 elsewhere, [P · N, 1, 1, S + C]
 * @returns [P · N, H, 1, d]
 */
export function sharedPromptAttention(
  q: Tensor,
  prompt: { readonly k: Tensor; readonly v: Tensor },
  own: { readonly k: Tensor; readonly v: Tensor },
  mask: Tensor,
): Tensor {
  const [batch, heads, , width] = q.shape as [number, number, number, number];
  const [prompts, , length] = prompt.k.shape as [number, number, number];
  const together = (t: Tensor, last: number) => tf.transpose(tf.reshape(t, [prompts, batch / prompts, heads, last]), [0, 2, 1, 3]); // [P, H, N, ·]
  const apart = (t: Tensor, last: number) => tf.reshape(tf.transpose(t, [0, 2, 1, 3]), [batch, heads, 1, last]);
  const toPrompt = apart(tf.matMul(together(q, width), prompt.k, false, true), length); // [B, H, 1, S]
  const toOwn = tf.matMul(q, own.k, false, true); // [B, H, 1, C]
  const slots = own.k.shape[2]!;
  const weights = maskedSoftmax(tf.concat([toPrompt, toOwn], 3), mask, length + slots, precisionOf(q)); // [B, H, 1, S + C]
  const ofPrompt = together(tf.slice(weights, [0, 0, 0, 0], [batch, heads, 1, length]), length); // [P, H, N, S]
  const ofOwn = tf.slice(weights, [0, 0, 0, length], [batch, heads, 1, slots]);
  return tf.add(apart(tf.matMul(ofPrompt, prompt.v), width), tf.matMul(ofOwn, own.v));
}
