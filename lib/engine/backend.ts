/**
 * Opening the engine: tfjs-node's kernels over libtensorflow, or TensorFlow.js's wasm backend where there is none.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { exists } from "../files.ts";
import util from "node:util";
import { Binding } from "./binding.ts";
import { LIBRARY_FILES, openTensorFlow } from "./capi.ts";
import { libtensorflowFolder } from "./install.ts";
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { registerCompiledCalls } from "./compile.ts";
import { keepCompiled } from "./compiled_cache.ts";
import { registerLoops } from "./loop.ts";
import { bool, int, message, text } from "./protobuf.ts";
import { type Tensor, tf } from "./tf.ts";
import { registerWasmKernels } from "./wasm.ts";

/** What the engine runs on. */
export interface Backend {
  /** The backend's name. */
  readonly name: "tensorflow" | "wasm";
  /** Version of libtensorflow or of the wasm backend. */
  readonly version: string;
  /** Why this one. */
  readonly reason: string;
  /** Threads that a single operation may use. */
  readonly threads: number;
  /** Whether a GPU does the work. */
  readonly gpu: boolean;
}

/** What of the machine a process takes, where several work on it. */
export interface Share {
  /** Threads of an operation. */
  readonly threads: number;
  /** The number of its GPU among those of the machine, where it has any. */
  readonly gpu: number;
}

let opened: Promise<Backend> | undefined; // TensorFlow.js has one engine a process, so there is one backend

/**
 * Opens the engine. Later calls give the backend that the first one opened.
 *
 * @param want `"auto"` takes libtensorflow when it is installed
 * @param share of the machine; without one, all of it
 * @returns what was opened and why
 * @throws UserError when libtensorflow was asked for and cannot be had
 *
 * @example The backend that is there
 * ```ts
 * import * as ws from "worldstrap";
 *
 * const backend = await ws.openBackend();
 * console.log(backend.name, backend.version);
 * ```
 */
export function openBackend(want: "auto" | "tensorflow" | "wasm" = "auto", share?: Share): Promise<Backend> {
  return opened ??= open(want, share);
}

/**
 * Bytes of the GPU that the engine may take.
 *
 * @returns bytes; undefined without a GPU, and before the engine is open
 *
 * @example Memory of the GPU, or of the machine
 * ```ts
 * import * as ws from "worldstrap";
 *
 * await ws.openBackend();
 * console.log(ws.engine.gpuMemory() ?? Deno.systemMemoryInfo().total);
 * ```
 */
export function gpuMemory(): number | undefined {
  return opened && activeBinding()?.gpuMemory;
}

async function open(want: "auto" | "tensorflow" | "wasm", share: Share | undefined): Promise<Backend> {
  if (want === "wasm") return await openWasm("it was asked for");
  const folder = libtensorflowFolder();
  let why = "libtensorflow is not installed";
  if (exists(`${folder}/${LIBRARY_FILES[1]}`)) {
    try {
      return await openLibtensorflow(folder, share);
    } catch (error) {
      why = (error as Error).message;
    }
  }
  if (want === "tensorflow") throw new UserError(`Cannot use libtensorflow as ${why}: run "deno task setup"`);
  return await openWasm(`${why}; "deno task setup" installs libtensorflow`);
}

async function openLibtensorflow(folder: string, share: Share | undefined): Promise<Backend> {
  const nvcc = `${folder}/../nvidia/cuda_nvcc`; // XLA's assembler and device library come with the CUDA wheels
  if (!Deno.env.get("XLA_FLAGS") && isFolder(nvcc)) Deno.env.set("XLA_FLAGS", `--xla_gpu_cuda_data_dir=${nvcc}`);
  const threads = share?.threads ?? navigator.hardwareConcurrency;
  const compiled = keepCompiled(folder, undefined, threads);
  const api = openTensorFlow(folder, sessionConfig(share));
  await registerKernels(new Binding(api, compiled?.seal));
  await tf.setBackend("tensorflow");
  await tf.ready();
  return {
    name: "tensorflow",
    version: api.version,
    reason: `libtensorflow found in ${folder}`,
    threads,
    gpu: api.devices.includes("GPU"),
  };
}

async function registerKernels(binding: Binding): Promise<void> {
  // Deno's node:util left these two out; tfjs-node 4.22 calls them
  Object.assign(util, { isNullOrUndefined: (x: unknown) => x === null || x === undefined, isArray: Array.isArray });
  await import("@tensorflow/tfjs-node-gpu/dist/register_all_kernels.js");
  const { NodeJSKernelBackend } = (await import("@tensorflow/tfjs-node-gpu/dist/nodejs_kernel_backend.js")).default;
  tf.registerBackend("tensorflow", () => new NodeJSKernelBackend(binding as never, "@tensorflow/tfjs-node-gpu"), 3);
  registerGather();
  registerCompiledCalls();
  registerLoops();
}

/** tfjs-node's GatherV2 reads the indices to check them, which a traced function cannot; TensorFlow checks them itself. */
function registerGather(): void {
  tf.unregisterKernel("GatherV2", "tensorflow");
  tf.registerKernel({
    kernelName: "GatherV2",
    backendName: "tensorflow",
    kernelFunc: ({ inputs, attrs }) => {
      const { binding } = kernelBackend();
      const { axis: along, batchDims } = attrs as { axis: number; batchDims: number };
      const axis = binding.createTensor([], binding.TF_INT32, [along]);
      const ids = inputIds([inputs["x"], inputs["indices"]] as Tensor[]);
      const [result] = binding.executeOp(
        "GatherV2",
        [
          { name: "batch_dims", type: binding.TF_ATTR_INT, value: batchDims },
          { name: "Tparams", type: binding.TF_ATTR_TYPE, value: binding.elementType(ids[0]!) },
          { name: "Tindices", type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
          { name: "Taxis", type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
        ],
        [...ids, axis],
        1,
      );
      binding.deleteTensor(axis);
      return kernelBackend().createOutputTensor(result!);
    },
  });
}

async function openWasm(reason: string): Promise<Backend> {
  const wasm = (await import("@tensorflow/tfjs-backend-wasm")).default;
  const file = import.meta.resolve("@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm");
  wasm.setWasmPaths(new URL(".", file).pathname);
  await tf.setBackend("wasm");
  await tf.ready();
  registerWasmKernels();
  return { name: "wasm", version: wasm.version_wasm, reason, threads: 1, gpu: false };
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** A `ConfigProto`: soft placement, GPU memory taken as it is needed, and the process's share of the machine. */
function sessionConfig(share: Share | undefined): Uint8Array<ArrayBuffer> {
  const growth = bool(4, true); // allow_growth
  const gpu = share ? text(5, `${visibleGpu(share.gpu)}`) : []; // visible_device_list: TensorFlow numbers what it sees from 0
  const threads = share ? [...int(2, share.threads), ...int(5, share.threads)] : []; // of an operation, and between operations
  return new Uint8Array([...threads, ...message(6, [...growth, ...gpu]), ...bool(7, true)]);
}

/** Where the launcher gave a process one GPU alone, that is its first. */
function visibleGpu(index: number): number {
  const given = Deno.env.get("CUDA_VISIBLE_DEVICES")?.split(",").filter((name) => name !== "").length ?? 0;
  return given > 0 ? index % given : index;
}
