/**
 * What must hold before a GPU node is worth its hours, in the order in which one builds on the other; each with what mends it.
 * CUDA was never run here: on a CPU the tests try what each check concludes, not that a GPU passes.
 *
 * @module
 */
import {
  type Backend,
  compile,
  dispose,
  gpuMemory,
  normal,
  seedTensor,
  type Tensor,
  tf,
  tidy,
  toPrecision,
  valuesOf,
} from "../engine/mod.ts";
import { keepLoaded, LIBRARY_FILES } from "../engine/capi.ts";
import { CUDA_PROGRAMS, cudaDriver, loadInPasses, nvidiaLibraries } from "../engine/nvidia.ts";
import { exists } from "../files.ts";
import { gridSide } from "../model/config.ts";
import { loadModel } from "../model/mod.ts";
import { drawObservations, imageSampler } from "../sample/mod.ts";
import { loadVocabulary } from "../tokens/mod.ts";
import { sumTogether } from "./sum_together.ts";
import type { StepNumbers } from "./training_step.ts";

/** What a check found: that it is well, what is wrong with what mends it, or why it was not looked at. */
export type Outcome =
  | { readonly well: string }
  | { readonly wrong: string; readonly mend: string }
  | { readonly skipped: string };

/** A check. */
export interface GpuCheck {
  /** What is looked at. */
  readonly name: string;
  /** Looks at it. */
  readonly run: () => Outcome | Promise<Outcome>;
}

/**
 * Runs checks until one finds something wrong.
 *
 * @param checks in order
 * @param print takes a line for each
 * @returns what is wrong, or undefined
 */
export async function runChecks(checks: readonly GpuCheck[], print: (line: string) => void): Promise<string | undefined> {
  for (const [i, { name, run }] of checks.entries()) {
    const outcome = await run();
    const head = `${`${i + 1}`.padStart(2)} ${name.padEnd(14)}`;
    if ("wrong" in outcome) return `check ${i + 1} of ${checks.length}, ${name}: ${outcome.wrong}; ${outcome.mend}`;
    print("well" in outcome ? `${head}${outcome.well}` : `${head}not checked: ${outcome.skipped}`);
  }
}

/** 1. Whether the CUDA build is there, and all of NVIDIA's libraries can be loaded. */
export function checkLibrary(folder: string, load: (path: string) => string | undefined = keepLoaded): Outcome {
  const nvidia = `${folder}/../nvidia`;
  const paths = nvidiaLibraries(nvidia);
  if (!exists(`${folder}/${LIBRARY_FILES[1]}`) || paths.length === 0) {
    return { wrong: `there is no CUDA build in ${folder}`, mend: 'run "deno task setup --gpu"' };
  }
  const [failed] = loadInPasses(paths, load);
  if (failed) {
    const mend = "install what its message names, or run setup --gpu again after removing that folder";
    return { wrong: `${failed[0].slice(nvidia.length + 1)} cannot be loaded (${failed[1]})`, mend };
  }
  return { well: `${paths.length} of NVIDIA's libraries` };
}

/** 2. Whether the driver answers, and is new enough for CUDA 12. */
export function checkDriver(driver: ReturnType<typeof cudaDriver> = cudaDriver()): Outcome {
  const mend = "install NVIDIA's driver 525 or newer on the machine itself, and let the container see it (--gpus=all, nvidia.com/gpu)";
  if ("wrong" in driver) return { wrong: driver.wrong, mend };
  return Number(driver.version.split(".")[0]) < 12
    ? { wrong: `the driver can do CUDA ${driver.version}`, mend }
    : { well: `CUDA ${driver.version}` };
}

/** 3. Whether TensorFlow has the GPU. */
export function checkDevice({ gpu, version }: Pick<Backend, "gpu" | "version">, memory = gpuMemory()): Outcome {
  if (!gpu) {
    const mend = "look at CUDA_VISIBLE_DEVICES and nvidia-smi; TF_CPP_MIN_LOG_LEVEL=0 TF_CPP_MAX_VLOG_LEVEL=3 names what TensorFlow lacks";
    return { wrong: `TensorFlow ${version} lists no GPU though library and driver are there`, mend };
  }
  return { well: `TensorFlow ${version}, ${gibibytes(memory ?? 0)} to be used` };
}

/** 4. Whether a bfloat16 product is right. */
export function checkProduct(side: number): Outcome {
  const a = tidy(() => normal([side, side], seedTensor("a")));
  const narrow = tidy(() => valuesOf(tf.cast(tf.matMul(toPrecision(a, "bfloat16"), toPrecision(a, "bfloat16")), "float32") as Tensor));
  const values = valuesOf(a);
  dispose(a);
  let worst = 0;
  for (let i = 0; i < side; i += Math.ceil(side / 16)) { // the diagonal's entries: a row by a column
    let expected = 0;
    for (let k = 0; k < side; k++) expected += values[i * side + k]! * values[k * side + i]!;
    worst = Math.max(worst, Math.abs(narrow[i * side + i]! - expected) / Math.sqrt(side));
  }
  if (worst < 0.05) return { well: `${side} × ${side}, off by ${worst.toPrecision(2)} of a standard deviation` };
  return {
    wrong: `products of bfloat16 are off by ${worst.toPrecision(2)} of a standard deviation`,
    mend: "take --model.precision=float32, and report it",
  };
}

/** 5. Whether XLA finds its programs and its library of functions. */
export function checkXla(folder: string, flags = Deno.env.get("XLA_FLAGS") ?? ""): Outcome {
  const nvcc = `${folder}/../nvidia/cuda_nvcc`;
  const data = /--xla_gpu_cuda_data_dir=(\S+)/.exec(flags)?.[1];
  if (data === undefined && exists(nvcc)) {
    return { wrong: `XLA_FLAGS is set without its data folder`, mend: `add --xla_gpu_cuda_data_dir=${nvcc} to XLA_FLAGS, or unset it` };
  }
  const still = data === undefined
    ? undefined
    : CUDA_PROGRAMS.find((name) => exists(`${data}/bin/${name}`) && !isProgram(`${data}/bin/${name}`));
  if (still !== undefined) return { wrong: `${data}/bin/${still} may not be run`, mend: `run "chmod +x ${data}/bin/*"` };
  try {
    const run = compile((x: Tensor) => tf.exp(tf.neg(tf.square(x))) as Tensor, { xla: true }); // exp needs libdevice
    const [value] = tidy(() => valuesOf(run(tf.ones([64]) as Tensor)));
    if (Math.abs(value! - Math.exp(-1)) < 1e-4) return { well: "exp by a compiled kernel" };
    return { wrong: `a compiled exp(-1) is ${value}`, mend: "report it, with what doctor --json prints" };
  } catch (error) {
    return { wrong: `XLA cannot compile (${(error as Error).message})`, mend: `see that ${nvcc} has bin/ptxas and nvvm/libdevice` };
  }
}

/** 6. Whether a training step gives the CPU's numbers; a GPU's float32 products may be TF32, so a hundredth is allowed. */
export function checkStep(here: StepNumbers, cpu: StepNumbers, tolerance = 0.01): Outcome {
  const largest = Math.max(...cpu.norms);
  const off = Math.max(
    Math.abs(here.loss - cpu.loss) / Math.abs(cpu.loss),
    ...cpu.norms.map((norm, i) => Math.abs(here.norms[i]! - norm) / largest),
  );
  if (off <= tolerance) {
    return { well: `loss ${here.loss.toFixed(4)} and ${cpu.norms.length} gradients as the CPU's, off by ${off.toPrecision(2)}` };
  }
  return {
    wrong: `a training step is off by ${off.toPrecision(2)} of the CPU's (loss ${here.loss} against ${cpu.loss})`,
    mend: "try NVIDIA_TF32_OVERRIDE=0 and XLA_FLAGS with --xla_gpu_deterministic_ops=true, and report which one helps",
  };
}

/** 7. Whether GPUs add up what they hold, a process each. */
export async function checkCollectives(gpus: number, sum = sumTogether): Promise<Outcome> {
  if (gpus < 2) return { skipped: gpus === 1 ? "one GPU" : "no GPU" };
  const mend = `run "NCCL_DEBUG=INFO deno task train-cdm --workers=${gpus}" and look for its first WARN; give a container --shm-size=1g; ` +
    "NCCL_P2P_DISABLE=1 goes round a broken link between the cards";
  const found = await sum(gpus);
  if ("failed" in found) return { wrong: `${gpus} GPUs cannot add up (${found.failed})`, mend };
  if (!found.right) return { wrong: `the sum of ${gpus} GPUs is not what they hold`, mend };
  return { well: `${gpus} GPUs add up ${found.mebibytes} MiB in ${(1000 * found.seconds).toFixed(1)} ms` };
}

/** 8. Whether nearly all of the memory that is said to be free can be had, and is given back. */
export function checkMemory(bytes: number, block = 2 ** 30): Outcome {
  const count = Math.floor(0.9 * bytes / block);
  const blocks: Tensor[] = [];
  try {
    for (let i = 0; i < count; i++) blocks.push(tf.fill([block / 4], i) as Tensor);
    const wrong = blocks.findIndex((one, i) => tidy(() => valuesOf(tf.slice(one, [block / 4 - 1], [1]) as Tensor))[0] !== i);
    if (wrong >= 0) {
      return {
        wrong: `block ${wrong} of the memory does not keep what is written`,
        mend: "have the card looked at (nvidia-smi -q -d ECC)",
      };
    }
    return { well: `${gibibytes(count * block)} of ${gibibytes(bytes)} taken and given back` };
  } catch (error) {
    const mend = "end what else is on the card (nvidia-smi), and leave TF_FORCE_GPU_ALLOW_GROWTH unset";
    return { wrong: `${gibibytes(blocks.length * block)} of ${gibibytes(bytes)} could be had (${(error as Error).message})`, mend };
  } finally {
    dispose(blocks);
  }
}

/** What cards reach in products of bfloat16 by their data sheets, without sparsity, TFLOP/s. */
const PEAKS: readonly (readonly [card: RegExp, tera: number])[] = [
  [/B200/, 2250],
  [/H100.*(PCIe|NVL)/, 756],
  [/H100|H200|GH200/, 989],
  [/A100|A800/, 312],
  [/L40S/, 362],
  [/RTX 4090/, 165],
  [/A10\b/, 125],
];

/** 9. Whether products run at three fifths of what the card's data sheet says. */
export function checkSpeed(card: string, tera: number): Outcome {
  const peak = PEAKS.find(([name]) => name.test(card))?.[1];
  const speed = `${tera.toPrecision(3)} TFLOP/s of bfloat16`;
  if (peak === undefined) return { skipped: `${speed}, but the peak of ${card === "" ? "this card" : card} is not known here` };
  if (tera >= 0.6 * peak) return { well: `${speed}, ${Math.round(100 * tera / peak)} % of a ${card}'s peak` };
  const mend = "see that nothing else runs on the card, and its power and clocks are not capped (nvidia-smi -q -d PERFORMANCE)";
  return { wrong: `${speed} are ${Math.round(100 * tera / peak)} % of a ${card}'s ${peak}`, mend };
}

/** TFLOP/s of bfloat16 products of a side's length. */
export function measureProducts(side: number, count = 32): number {
  const w = tidy(() => toPrecision(tf.mul(normal([side, side], seedTensor("w")), 1 / Math.sqrt(side)) as Tensor, "bfloat16"));
  const chain = compile((x: Tensor, w: Tensor) => {
    let y = x;
    for (let i = 0; i < count; i++) y = tf.matMul(y, w);
    return tf.slice(tf.cast(y, "float32"), [0, 0], [1, 1]) as Tensor;
  });
  const second = () => {
    const start = performance.now();
    tidy(() => valuesOf(chain(w, w)));
    return (performance.now() - start) / 1000;
  };
  second(); // traces and warms up
  const best = Math.min(second(), second(), second());
  dispose(w);
  return 2 * side ** 3 * count / best / 1e12;
}

/** 10. Whether a picture can be drawn, and the same one again. */
export function checkDraw(path: string): Outcome {
  const { chameleon, vqgan } = loadModel(path, "bfloat16");
  const vocabulary = loadVocabulary(path, vqgan.config.codes);
  const options = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1, seed: 1 };
  const queries = [{
    id: "a",
    source: new Uint16Array(gridSide(vqgan.config) ** 2),
    action: "add a red circle",
  }];
  const start = performance.now();
  const [first, again] = [1, 2].map(() => drawObservations(imageSampler(chameleon, vocabulary), vocabulary, queries, 1, options)[0]![0]!);
  const seconds = (performance.now() - start) / 2000;
  if (String(first) === String(again)) {
    return { well: `${first!.length} tokens of a picture in ${seconds.toFixed(1)} s, and the same ones again` };
  }
  return { wrong: "the same seed draws another picture", mend: "add --xla_gpu_deterministic_ops=true to XLA_FLAGS" };
}

/** The cards' names as `nvidia-smi` tells them. */
export function cardNames(): string[] {
  try {
    const { success, stdout } = new Deno.Command("nvidia-smi", { args: ["--query-gpu=name", "--format=csv,noheader"], stderr: "null" })
      .outputSync();
    return success ? new TextDecoder().decode(stdout).trim().split("\n").filter((name) => name !== "") : [];
  } catch {
    return []; // not installed, or not allowed to run
  }
}

function isProgram(path: string): boolean {
  return ((Deno.statSync(path).mode ?? 0o111) & 0o111) !== 0;
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
