/**
 * Local ONNX models, as metrics use them. The runtime is large and fetched only when a model is opened.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { exists } from "../files.ts";

/** A tensor by value. */
export interface OnnxArray {
  /** Values, row by row. */
  readonly data: Float32Array | BigInt64Array;
  /** Its shape. */
  readonly shape: readonly number[];
}

/** An open model. */
export interface OnnxModel {
  /** Names of the inputs. */
  readonly inputs: readonly string[];
  /** Runs the model; gives all outputs by name. */
  run(inputs: Readonly<Record<string, OnnxArray>>): Promise<Record<string, OnnxArray>>;
  /** Frees the model. */
  close(): Promise<void>;
}

/**
 * Opens `FOLDER/onnx/model.onnx`.
 *
 * @param folder the model's folder, in Hugging Face's layout with ONNX weights
 * @param file the model's file in it
 * @throws UserError naming the file when it is missing or no ONNX model
 */
export async function openOnnx(folder: string, file = "onnx/model.onnx"): Promise<OnnxModel> {
  const path = `${folder}/${file}`;
  if (!exists(path)) throw new UserError(`Cannot find ${path}: export the model to ONNX and put it there`);
  const name = "onnxruntime-node"; // by a variable, so that it is fetched only when it is used
  const { default: ort } = await import(name) as { default: typeof import("onnxruntime-node") };
  let session: InferenceSession;
  try {
    session = await ort.InferenceSession.create(path, { graphOptimizationLevel: "all", logSeverityLevel: 3 });
  } catch {
    throw new UserError(`Cannot read ${path} as an ONNX model: export the model again`);
  }
  return {
    inputs: session.inputNames,
    async run(inputs) {
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([key, { data, shape }]) => [key, new ort.Tensor(data, shape) as OnnxTensor]),
      );
      const outputs = await session.run(feeds);
      return Object.fromEntries(
        Object.entries(outputs).map(([key, { data, dims }]) => [key, { data: data as Float32Array, shape: dims }]),
      );
    },
    close: () => session.release(),
  };
}
