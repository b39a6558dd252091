/**
 * Trajectories as image tokens. Each pair of images is encoded once and kept in a pack on disk, by the content of images and
 * VQGAN: the codes of both, and the distances that recognition weights come from.
 *
 * @module
 */
import { isOfDisk } from "../errors.ts";
import { createHash } from "node:crypto";
import { nearestCodes, openEncoder, type PictureEncoder, type Vqgan } from "../model/mod.ts";
import { gridSide } from "../model/config.ts";
import { isLinearBefore } from "../model/picture_encoder.ts";
import { tidy, valuesOf } from "../engine/mod.ts";
import { bytesOfTensor } from "../engine/storage.ts";
import { picturesAtOnce } from "../model/memory.ts";
import { type RgbImage, squareCrop } from "../tokens/mod.ts";
import { imagesToTensor } from "../tokens/images.ts";
import { pairDistances } from "./distances.ts";
import { openPack, type Pack } from "./pack.ts";
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

const BATCH = { merged: 64, plain: 16 }; // pairs, unless their pictures are large: a merged encoder has no large feature maps

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
  using pack = openPack(packPath(cache, vqgan), 8 * tokensOf(vqgan));
  using opened = new DisposableStack();
  let encoder: PictureEncoder | undefined; // opened when there is something to encode
  const encoded: EncodedTrajectory[] = [];
  const problems: Problem[] = [];
  const together = picturesAtOnce(vqgan.config, 2 * (isLinearBefore(vqgan) ? BATCH.merged : BATCH.plain)) / 2;
  const prepareFrom = (i: number) => Promise.all(trajectories.slice(i, i + together).map((t) => prepare(t, pack, vqgan)));
  let next = prepareFrom(0);
  for (let i = 0; i < trajectories.length; i += together) {
    const batch = await next;
    next = prepareFrom(i + together); // pictures are read or drawn while the engine encodes those before
    const missing = batch.filter((item) => "images" in item);
    if (missing.length > 0) encoder ??= opened.use(openEncoder(vqgan));
    const fresh = encoder && missing.length > 0 ? encodePairs(missing, vqgan, encoder, together) : [];
    for (const item of batch) {
      if ("reason" in item) problems.push(item);
      else encoded.push("images" in item ? fresh[missing.indexOf(item)]! : item);
    }
    pack.append(missing.map(({ key }, j) => ({ key, content: contentOf(fresh[j]!) })));
    onProgress(Math.min(trajectories.length, i + together));
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

/** The pack of a VQGAN's encodings; distances of the two ways to encode differ in their last bits and do not mix. */
export function packPath(cache: string, vqgan: Vqgan): string {
  return `${cache}/tokens/${vqganDigest(vqgan)}${isLinearBefore(vqgan) ? "-merged" : ""}.pack`;
}

/** Tokens of an image. */
function tokensOf({ config }: Vqgan): number {
  return gridSide(config) ** 2;
}

interface PreparedPair {
  readonly trajectory: Trajectory;
  readonly key: string; // in the pack
  readonly images: readonly [source: RgbImage, target: RgbImage];
}

async function prepare(trajectory: Trajectory, pack: Pack, vqgan: Vqgan): Promise<EncodedTrajectory | PreparedPair | Problem> {
  try {
    const [source, target] = await Promise.all([trajectory.source.key(), trajectory.target.key()]);
    const key = createHash("sha256").update(`${source} ${target}`).digest("hex");
    const content = pack.find(key);
    return content ? { trajectory, ...partsOf(content) } : { trajectory, key, images: await loadPair(trajectory, vqgan) };
  } catch (error) {
    if (isOfDisk(error)) throw error; // no fault of the picture
    return { id: trajectory.id, reason: (error as Error).message };
  }
}

/** The pictures of a trajectory as a model sees them: squares of its side. */
export async function loadPair({ source, target }: Trajectory, { config }: Vqgan): Promise<[RgbImage, RgbImage]> {
  const load = async (observation: Observation) => squareCrop(await observation.load(), config.resolution);
  return await Promise.all([load(source), load(target)]);
}

function encodePairs(
  pairs: readonly PreparedPair[],
  vqgan: Vqgan,
  encoder: PictureEncoder,
  together: number,
): EncodedTrajectory[] {
  const pictures = pairs.flatMap(({ images }) => images);
  const missing = 2 * together - pictures.length; // always a full batch: the last bits depend on its size
  const { codes, distances } = tidy(() => {
    const features = encoder.features(imagesToTensor([...pictures, ...Array<RgbImage>(missing).fill(pictures[0]!)])); // [2N, g, g, E]
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

/** An encoding as it lies in the pack: the codes of source and target, 2 bytes each, then the distances, 4 bytes each. */
function contentOf({ source, target, distances }: EncodedTrajectory): Uint8Array {
  const content = new Uint8Array(8 * source.length);
  new Uint16Array(content.buffer).set([...source, ...target]);
  new Float32Array(content.buffer, 4 * source.length).set(distances);
  return content;
}

function partsOf(content: Uint8Array): Omit<EncodedTrajectory, "trajectory"> {
  const count = content.length / 8;
  return {
    source: new Uint16Array(content.buffer, 0, count),
    target: new Uint16Array(content.buffer, 2 * count, count),
    distances: new Float32Array(content.buffer, 4 * count, count),
  };
}
