/**
 * The engine: TensorFlow.js's API and gradients, TensorFlow's kernels, compiled functions, bfloat16, seeded random.
 * No other area imports TensorFlow.js.
 *
 * @module
 */
export { type Backend, gpuMemory, openBackend, type Share } from "./backend.ts";
export { type Precision, precisionOf, toPrecision } from "./bfloat16.ts";
export { compile, type CompileOptions, freeze } from "./compile.ts";
export { valueAndGradients, watched, withGradient } from "./gradients.ts";
export { cacheFolder, type GpuLayout, type InstallationPlan, libtensorflowFolder, TENSORFLOW_VERSION } from "./install.ts";
export { hasLoops, type Loop, whileLoop } from "./loop.ts";
export { normal, permutation, type Random, randomInt, randomStream, seedTensor, uniform } from "./random.ts";
export { dispose, tidy, valuesOf } from "./scope.ts";
export { STORED_BYTES, type StoredType } from "./storage.ts";
export {
  type DataType,
  type Rank,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  type TensorContainer,
  type TensorInfo,
  tf,
} from "./tf.ts";
