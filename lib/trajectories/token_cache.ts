/**
 * Trajectories as image tokens. Each image is encoded once and kept in a cache on disk, by the content of image and
 * VQGAN; the distances that recognition weights come from are kept by pair.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { exists, writeFile } from "../files.ts";
import { encodeFeatures, nearestCodes, type Vqgan } from "../model/mod.ts";
import { type Tensor, tf, tidy, valuesOf } from "../engine/mod.ts";
import { bytesOfTensor } from "../engine/storage.ts";
import { squareCrop } from "../tokens/mod.ts";
import { imagesToTensor } from "../tokens/images.ts";
import type { Observation, Problem, Trajectory } from "./trajectory.ts";

/** A trajectory in tokens. */
export interface EncodedTrajectory {
  /** The trajectory. */
  readonly trajectory: Trajectory;
  /** Image codes of the source, row by row. */
  readonly source: Uint16Array;
  /** Image codes of the target. */
  readonly target: Uint16Array;
  /** Squared L2 distance of the VQGAN's features before quantisation, source against target, by place (paper §3.2). */
  readonly distances: Float32Array;
}

/** Encoded trajectories, and those that could not be. */
export interface Encoding {
  /** What was encoded, in the order given. */
  readonly encoded: readonly EncodedTrajectory[];
  /** Trajectories whose images cannot be read. */
  readonly problems: readonly Problem[];
}

const BATCH = 16; // pairs

/**
 * Encodes trajectories.
 *
 * @param trajectories what to encode
 * @param vqgan the image tokenizer
 * @param cache the cache's folder
 * @param onProgress told how many are done
 * @returns trajectories in tokens, and those whose images cannot be read
 *
 * @example Two transitions of the tiny world
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { vqgan } = ws.loadModel("data/tiny", "float32");
 * const world = ws.worldTrajectories("easy", 1, "bench", 2);
 * const { encoded } = await ws.encodeTrajectories(world, vqgan, Deno.makeTempDirSync());
 * assertEquals(encoded.map(({ source, distances }) => [source.length, distances.length]), [[64, 64], [64, 64]]);
 * ```
 */
export async function encodeTrajectories(
  trajectories: readonly Trajectory[],
  vqgan: Vqgan,
  cache: string,
  onProgress: (done: number) => void = () => {},
): Promise<Encoding> {
  const folder = `${cache}/tokens/${vqganDigest(vqgan)}`;
  const encoded: EncodedTrajectory[] = [];
  const problems: Problem[] = [];
  for (let i = 0; i < trajectories.length; i += BATCH) {
    const batch = await Promise.all(trajectories.slice(i, i + BATCH).map((t) => prepare(t, folder, vqgan)));
    const missing = batch.filter((item) => "images" in item);
    const fresh = missing.length > 0 ? encodePairs(missing, vqgan) : [];
    for (const item of batch) {
      if ("reason" in item) problems.push(item);
      else if ("images" in item) {
        const result = fresh.shift()!;
        encoded.push(result);
        store(item.paths, result);
      } else encoded.push(item);
    }
    onProgress(Math.min(trajectories.length, i + BATCH));
  }
  return { encoded, problems };
}

/** A digest of the VQGAN's weights. */
export function vqganDigest({ weights }: Vqgan): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(weights).filter((name) => !name.startsWith("decoder.")).sort()) {
    hash.update(name).update(bytesOfTensor(weights[name]!, "F32"));
  }
  return hash.digest("hex").slice(0, 16);
}

interface CachePaths {
  readonly source: string;
  readonly target: string;
  readonly distances: string;
}

interface PreparedPair {
  readonly trajectory: Trajectory;
  readonly paths: CachePaths;
  readonly images: readonly [source: Float32Array, target: Float32Array];
}

async function prepare(trajectory: Trajectory, folder: string, vqgan: Vqgan): Promise<EncodedTrajectory | PreparedPair | Problem> {
  try {
    const [source, target] = await Promise.all([trajectory.source.key(), trajectory.target.key()]);
    const paths = {
      source: `${folder}/${source}.codes`,
      target: `${folder}/${target}.codes`,
      distances: `${folder}/${source.slice(0, 32)}-${target.slice(0, 32)}.distances`,
    };
    return recall(trajectory, paths, vqgan) ?? { trajectory, paths, images: await loadPair(trajectory, vqgan) };
  } catch (error) {
    return { id: trajectory.id, reason: (error as Error).message };
  }
}

async function loadPair({ source, target }: Trajectory, { config }: Vqgan): Promise<[Float32Array, Float32Array]> {
  const load = async (observation: Observation) => {
    const tensor = imagesToTensor([squareCrop(await observation.load(), config.resolution)]);
    const values = valuesOf(tensor) as Float32Array;
    tensor.dispose();
    return values;
  };
  return [await load(source), await load(target)];
}

function encodePairs(pairs: readonly PreparedPair[], vqgan: Vqgan): EncodedTrajectory[] {
  const { resolution } = vqgan.config;
  const size = resolution * resolution * 3;
  const values = new Float32Array(2 * BATCH * size); // always a full batch: the last bits depend on its size
  pairs.forEach(({ images }, i) => images.forEach((image, side) => values.set(image, (2 * i + side) * size)));
  const { codes, distances } = tidy(() => {
    const features = encodeFeatures(vqgan, tf.tensor4d(values, [2 * BATCH, resolution, resolution, 3])); // [2N, g, g, E]
    return { codes: nearestCodes(vqgan, features), distances: pairDistances(features) };
  });
  const [codeValues, distanceValues] = [valuesOf(codes), valuesOf(distances)];
  const n = codes.shape[1]!;
  codes.dispose();
  distances.dispose();
  return pairs.map(({ trajectory }, i) => ({
    trajectory,
    source: Uint16Array.from(codeValues.slice(2 * i * n, (2 * i + 1) * n)),
    target: Uint16Array.from(codeValues.slice((2 * i + 1) * n, (2 * i + 2) * n)),
    distances: distanceValues.slice(i * n, (i + 1) * n) as Float32Array,
  }));
}

/** [2N, g, g, E], sources and targets in turn → [N, g·g] */
function pairDistances(features: Tensor): Tensor {
  const [twice, height, width, channels] = features.shape as [number, number, number, number];
  const pairs = tf.reshape(features, [twice / 2, 2, height * width, channels]);
  const [source, target] = tf.unstack(pairs, 1) as [Tensor, Tensor];
  return tf.sum(tf.square(tf.sub(source, target)), -1);
}

function store(paths: CachePaths, { source, target, distances }: EncodedTrajectory): void {
  writeFile(paths.source, new Uint8Array(source.buffer), undefined, false);
  writeFile(paths.target, new Uint8Array(target.buffer), undefined, false);
  writeFile(paths.distances, new Uint8Array(distances.slice().buffer), undefined, false);
}

/** A cached encoding; files of another length count as absent. */
function recall(trajectory: Trajectory, paths: CachePaths, { config }: Vqgan): EncodedTrajectory | undefined {
  if (!exists(paths.distances) || !exists(paths.source) || !exists(paths.target)) return;
  const tokens = (config.resolution / 2 ** (config.channelMultiplier.length - 1)) ** 2;
  const [source, target, distances] = [paths.source, paths.target, paths.distances].map((path) => Deno.readFileSync(path));
  if (source!.length !== 2 * tokens || target!.length !== 2 * tokens || distances!.length !== 4 * tokens) return;
  return {
    trajectory,
    source: new Uint16Array(source!.buffer),
    target: new Uint16Array(target!.buffer),
    distances: new Float32Array(distances!.buffer),
  };
}
