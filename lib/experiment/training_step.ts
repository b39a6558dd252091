/**
 * One training step of the configured base on the tiny world, as numbers: on the device that is there, or in a process of its own
 * that may see no GPU.
 *
 *   deno run … lib/experiment/training_step.ts data/tiny
 *
 * @module
 */
import { dispose, openBackend, seedTensor, tf, tidy } from "../engine/mod.ts";
import { takeNumber } from "../engine/scope.ts";
import { UserError } from "../errors.ts";
import { createAdapter, loadModel } from "../model/mod.ts";
import { adapterTensors } from "../model/lora.ts";
import { imageSampler } from "../sample/mod.ts";
import { loadVocabulary } from "../tokens/mod.ts";
import { completionGradients } from "../train/mod.ts";
import { worldBatch } from "../trajectories/batches.ts";
import { encodeTrajectories } from "../trajectories/mod.ts";
import { worldTrajectories } from "../world/mod.ts";

/** A step's numbers. */
export interface StepNumbers {
  /** The loss. */
  readonly loss: number;
  /** The norm of each factor's gradient. */
  readonly norms: readonly number[];
}

/**
 * Loss and gradients of two transitions in float32, without dropout. The engine must be open.
 *
 * @param path of the base
 * @returns their numbers
 */
export async function stepNumbers(path: string): Promise<StepNumbers> {
  const { chameleon, vqgan } = loadModel(path, "float32");
  const vocabulary = loadVocabulary(path, vqgan.config.codes);
  const cache = Deno.makeTempDirSync({ prefix: "worldstrap-step-" });
  const { encoded } = await encodeTrajectories(worldTrajectories("easy", 1, "bench", 2), vqgan, cache);
  Deno.removeSync(cache, { recursive: true });
  const options = { weights: "none", normalise: "mean", floor: 0 } as const;
  const { tensors } = worldBatch(encoded, vocabulary, options, { limit: chameleon.config.maxPositions, multiple: 16 });
  const adapter = createAdapter(chameleon.config, { rank: 4, alpha: 4, dropout: 0, targets: ["q_proj", "up_proj"] }, 1);
  const { head } = imageSampler(chameleon, vocabulary);
  const gradients = completionGradients({ model: chameleon, head, adapter, checkpointing: false });
  const factors = [...adapterTensors(adapter).values()];
  const { value, grads } = tidy(() => gradients(factors, tensors, seedTensor(1)));
  const norms = grads.map((grad) => takeNumber(tidy(() => tf.norm(grad) as typeof grad)));
  dispose([grads, factors, tensors]);
  return { loss: takeNumber(value), norms };
}

/**
 * The same numbers from a process of its own.
 *
 * @param path of the base
 * @param gpu whether the process may see a GPU
 * @returns its numbers
 * @throws UserError when the process fails
 */
export async function stepNumbersOf(path: string, gpu: boolean): Promise<StepNumbers> {
  const permissions = ["read", "write", "env", "ffi", "sys"].map((name) => `--allow-${name}`);
  const args = ["run", "--no-check", ...permissions, import.meta.filename!, path];
  const env = { NO_COLOR: "1", ...(!gpu && { CUDA_VISIBLE_DEVICES: "-1" }) };
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env, stdin: "null" }).output();
  const [said, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
  if (success) return JSON.parse(said!.split("\n").at(-1)!) as StepNumbers;
  const why = errors!.split("\n").find((line) => /error/i.test(line)) ?? errors;
  throw new UserError(`Cannot train a step on the ${gpu ? "GPU" : "CPU"}: ${why}`);
}

if (import.meta.main) {
  await openBackend("tensorflow");
  console.log(JSON.stringify(await stepNumbers(Deno.args[0]!)));
}
