/**
 * What tests share: assertions with types, tolerances, temporary folders, recorded references.
 *
 * @module
 */
// @ts-types="./std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import type { Chameleon, Layer } from "../lib/model/mod.ts";
import { type ChameleonConfig, type Projection, PROJECTIONS, projectionShape } from "../lib/model/config.ts";
import { adapterTensors, createAdapter, disposeAdapter, type LoraAdapter, type LoraConfig, withAdapterTensors } from "../lib/model/lora.ts";
import { readHeader, readInto, type StoredTensor } from "../lib/model/safetensors.ts";
import { type Disk, realDisk } from "../lib/files.ts";
import { dispose, normal, openBackend, type Precision, seedTensor, type Tensor, tf, tidy, toPrecision } from "../lib/engine/mod.ts";
import { liveTensors } from "../lib/engine/scope.ts";

// @ts-types="./std_assert.d.ts"
export * from "@std/assert";

export { UserError } from "../lib/errors.ts";

/** Opens the engine; a test file calls it once, before its tests. */
export async function engine(): Promise<void> {
  await openBackend();
}

/** The folder beside the project that holds real data, or undefined where it is not. */
export function sharedData(): string | undefined {
  const folder = new URL("../../shared/data", import.meta.url).pathname;
  try {
    Deno.statSync(folder);
    return folder;
  } catch {
    console.warn(`skipped: there is no real data in ${folder}`);
  }
}

/** Runs a test's body and checks that no tensor is left over. */
export async function withoutLeaks(body: () => Promise<void> | void): Promise<void> {
  const before = liveTensors();
  await body();
  assertEquals(liveTensors(), before, "tensors were left over");
}

/** Runs with a temporary folder, which is removed after. */
export async function withFolder(body: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-" });
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A disk whose n-th call fails as a full one does. */
export function failingDisk(n: number): { disk: Disk; calls: () => number } {
  let calls = 0;
  const guard = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A): R => {
    if (++calls === n) throw new Error("No space left on device (os error 28)");
    return call(...args);
  };
  const { open, append, write, sync, rename, remove, mkdir } = realDisk;
  const disk = {
    open: guard(open),
    append: guard(append),
    write: guard(write),
    sync: guard(sync),
    rename: guard(rename),
    remove,
    mkdir: guard(mkdir),
  };
  return { disk, calls: () => calls };
}

/** Checks that values are as close as `tolerance`, as the largest difference. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what = "values"): void {
  assertEquals(actual.length, expected.length, `${what}: lengths differ`);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  assert(worst <= tolerance, `${what} differ by ${worst}, at most ${tolerance} is allowed`);
}

/** Checks gradients against recorded ones, each within 1e-4 of its norm, and frees them. */
export function assertGradients(names: Iterable<string>, grads: readonly Tensor[], reference: Reference): void {
  [...names].forEach((name, i) => {
    const expected = reference.values(`grad.${name}`) as Float32Array;
    const difference = Math.hypot(...take(grads[i]!).map((x, j) => x - expected[j]!)) / Math.hypot(...expected);
    assert(difference < 1e-4, `${name} is off by ${difference} of its norm`);
  });
}

/** The values of a tensor, which is freed. */
export function take(tensor: Tensor): Float32Array {
  const values = tensor.dataSync() as Float32Array;
  dispose(tensor);
  return values;
}

/** An adapter with random factors: a new one has zeros, and changes nothing. */
export function randomAdapter(model: ChameleonConfig, config: LoraConfig, seed: number): LoraAdapter {
  const adapter = createAdapter(model, config, seed);
  const tensors = [...adapterTensors(adapter).values()].map(({ shape }, i) => tidy(() => tf.mul(normal(shape, seedTensor(seed, i)), 0.1)));
  disposeAdapter(adapter);
  return withAdapterTensors(adapter, tensors);
}

/** A transformer of any shape with random weights, gains and biases included, 96 ids. Its leaves are the caller's. */
export function randomChameleon(
  shape: Pick<ChameleonConfig, "hiddenSize" | "intermediateSize" | "layers" | "heads" | "keyHeads" | "swinNorm" | "qkNorm">,
  precision: Precision,
): Chameleon {
  const { hiddenSize: width, layers, heads, keyHeads, qkNorm = true } = shape;
  const vq = {
    embedDim: 4,
    codes: 64,
    latentChannels: 4,
    resolution: 16,
    baseChannels: 4,
    channelMultiplier: [1],
    resBlocks: 0,
    midAttention: false,
  };
  const config = { ...shape, vocabSize: 96, maxPositions: 512, ropeTheta: 10000, rmsEpsilon: 1e-5, vq };
  let seed = 0;
  const random = (dims: number[], mean: number, spread: number) =>
    tidy(() => toPrecision(tf.add(tf.mul(normal(dims, seedTensor("chameleon", seed++)), spread), mean), precision));
  const headNorm = (count: number) => ({ gain: random([count, width / heads], 1, 0.2), bias: random([count, width / heads], 0, 0.2) });
  const layer = (): Layer => ({
    ...Object.fromEntries(PROJECTIONS.map((name) => [name, random([...projectionShape(config, name)], 0, 0.15)])) as Record<
      Projection,
      Tensor
    >,
    ...{ inputNorm: random([width], 1, 0.2), postNorm: random([width], 1, 0.2) },
    ...(qkNorm && { qNorm: headNorm(heads), kNorm: headNorm(keyHeads) }),
  });
  const [embed, head] = [random([96, width], 0, 1), random([96, width], 0, 0.3)];
  return { config, embed, layers: Array.from({ length: layers }, layer), norm: random([width], 1, 0.2), head };
}

/** Recorded values of a reference implementation. */
export interface Reference {
  /** Names of all tensors. */
  readonly names: readonly string[];
  /** A tensor's shape. */
  shape(name: string): number[];
  /** Its values. */
  values(name: string): Float32Array | Int32Array | Uint8Array;
  /** It as a tensor. */
  tensor(name: string): Tensor;
}

/** Opens a recorded reference. */
export function openReference(path: string): Reference {
  const stored = readHeader(path);
  const get = (name: string): StoredTensor => {
    const tensor = stored.get(name);
    if (!tensor) throw new Error(`There is no ${name} in ${path}`);
    return tensor;
  };
  const values = (name: string) => {
    const { size, dtype } = get(name);
    const bytes = new Uint8Array(size);
    readInto(get(name), bytes);
    return dtype === "F32" ? new Float32Array(bytes.buffer) : dtype === "I32" ? new Int32Array(bytes.buffer) : bytes;
  };
  const shape = (name: string) => [...get(name).shape];
  const tensor = (name: string) => tf.tensor(values(name) as Float32Array, shape(name), get(name).dtype === "I32" ? "int32" : "float32");
  return { names: [...stored.keys()], shape, values, tensor };
}

/** Where Deno keeps packages: for tasks that run with a cache folder of their own. */
export function denoFolder(): string {
  return Deno.env.get("DENO_DIR") ?? `${Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`}/deno`;
}
