/**
 * What our own kernels need of tfjs-node's backend.
 *
 * @module
 */
import { Binding } from "./binding.ts";
import { type Tensor, tf } from "./tf.ts";

/** The binding to libtensorflow, or undefined on another backend. */
export function activeBinding(): Binding | undefined {
  const backend = tf.backend() as { binding?: unknown };
  return backend.binding instanceof Binding ? backend.binding : undefined;
}

/** Whether libtensorflow computes on the CPU, where XLA adds up and compares along rows without vector instructions. */
export function isOnCpu(): boolean {
  const binding = activeBinding();
  return binding !== undefined && binding.gpuMemory === undefined;
}

/** The part of tfjs-node's backend that our own kernels use. */
export interface KernelBackend {
  /** The binding. */
  readonly binding: Binding;
  /** Ids of tensors, made on the way where values wait in JavaScript. */
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  /** A tensor of what the binding returned. */
  createOutputTensor(metadata: { id: number; shape: number[]; dtype: number }): Tensor;
}

/** The backend, where it is libtensorflow's. */
export function kernelBackend(): KernelBackend {
  return tf.backend() as unknown as KernelBackend;
}

/** The binding's ids of tensors. */
export function inputIds(tensors: readonly Tensor[]): number[] {
  return kernelBackend().getInputTensorIds(tensors);
}
