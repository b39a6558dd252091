/**
 * TensorFlow.js, for this area alone; other areas import what they need from `lib/engine/mod.ts`.
 *
 * @module
 */
import tfjs from "@tensorflow/tfjs";
import type { DataType, Rank, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, TensorContainer, TensorInfo } from "@tensorflow/tfjs";

/** TensorFlow.js's functions. */
export const tf: typeof tfjs = tfjs;
export type { DataType, Rank, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, TensorContainer, TensorInfo };
