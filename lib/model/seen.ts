/**
 * Pictures that a transformer sees and does not read as codes: vectors of their places stand where tokens would.
 *
 * Shapes: V ids of the table, N pictures of n places, M places in all, B rows of T tokens, each with m places of its own, D width.
 *
 * @module
 */
import { precisionOf, type Tensor, tf, toPrecision } from "../engine/mod.ts";

/** What stands for the ids of a transformer. */
export interface Embeddings {
  /** Token embeddings, [V, D]. */
  readonly embed: Tensor;
  /** Vectors of places in pictures that stand where tokens would, [M, D]: ids from V on. */
  readonly seen?: Tensor;
}

/**
 * A transformer that may look at pictures: id `V + i · n + j` is place j of picture i.
 *
 * @param model the transformer, with V embeddings
 * @param seen vectors of pictures, [N, n, D]
 * @returns the same, which sees N · n places
 */
export function withSeen<Model extends Embeddings>(model: Model, seen: Tensor): Model & { readonly seen: Tensor } {
  return { ...model, seen: toPrecision(tf.reshape(seen, [-1, seen.shape[2]!]), precisionOf(model.embed)) }; // [N·n, D]
}

/**
 * The same where each row of tokens has pictures of its own: ids from V on count the row's places, so that rows can be shared out.
 *
 * @param model the transformer, with V embeddings
 * @param tokens [B, T] int32
 * @param seen vectors of each row's places, [B, m, D]
 * @returns the transformer that sees all of them, and tokens that count places over all rows
 */
export function withOwnSeen<Model extends Embeddings>(model: Model, tokens: Tensor, seen: Tensor): { model: Model; tokens: Tensor } {
  const [rows, places] = seen.shape as [number, number];
  const isPlace = tf.cast(tf.greaterEqual(tokens, tf.scalar(model.embed.shape[0]!, "int32")), "int32"); // [B, T]
  const before = tf.reshape(tf.range(0, rows * places, places, "int32"), [rows, 1]); // [B, 1]
  return { model: withSeen(model, seen), tokens: tf.add(tokens, tf.mul(isPlace, before)) };
}

/** Embeddings of tokens; of ids from V on, what is seen there. [B, T] → [B, T, D] */
export function embedded({ embed, seen }: Embeddings, tokens: Tensor): Tensor {
  if (!seen) return tf.gather(embed, tokens); // [B, T, D]
  const [first, one, zero] = [embed.shape[0]!, 1, 0].map((value) => tf.scalar(value, "int32")) as [Tensor, Tensor, Tensor];
  const place = tf.sub(tokens, first); // [B, T], below 0 where a token stands
  const ofTokens = tf.gather(embed, tf.minimum(tokens, tf.sub(first, one))); // [B, T, D]
  const ofPlaces = tf.gather(seen, tf.maximum(place, zero)); // [B, T, D]
  return tf.where(tf.expandDims(tf.greaterEqual(place, zero), 2), ofPlaces, ofTokens);
}
