/**
 * A block's weights.
 *
 * @module
 */
import type { Tensor } from "../engine/mod.ts";
import type { HeadNorm } from "../nn/mod.ts";
import type { Projection } from "./config.ts";

/** A block's matrices, [out, in] each, as on disk. */
export type Matrices = Readonly<Record<Projection, Tensor>>;

/** A block's gains and biases. */
export interface BlockNorms {
  /** RMSNorm's gain at attention, [D]. */
  readonly inputNorm: Tensor;
  /** RMSNorm's gain at the feed-forward layer, [D]. */
  readonly postNorm: Tensor;
  /** QK-norm of queries; absent where the model has none. */
  readonly qNorm?: HeadNorm;
  /** QK-norm of keys. */
  readonly kNorm?: HeadNorm;
}

/** All of a block's weights. */
export interface Layer extends BlockNorms, Matrices {}
