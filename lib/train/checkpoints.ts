/**
 * Checkpoints of a training: whole or absent, verified before an older one goes, and passed over when damaged.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { createHash } from "node:crypto";
import { type Disk, exists, realDisk } from "../files.ts";
import { readHeader, readInto, readMetadata, type StoredTensor, writeSafetensors } from "../model/safetensors.ts";
import type { Tensor } from "../engine/mod.ts";
import { bytesOfTensor, tensorOfBytes } from "../engine/storage.ts";
import type { TrainingState } from "./adamw.ts";

/** A point that a training can go on from. */
export interface TrainingPoint {
  /** Steps done. */
  readonly step: number;
  /** Params and moments. */
  readonly state: TrainingState;
}

const KEPT = 2; // a damaged newest one leaves one to fall back on

/**
 * Saves a point as `000120.safetensors`, verifies it, then prunes older ones.
 *
 * @param folder the run's `checkpoints/`
 * @param point what to save
 * @param digest of the config: a point is of use to the same config alone
 * @param disk where files are written, for tests
 *
 * @example It is found again
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const folder = Deno.makeTempDirSync();
 * ws.train.savePoint(folder, { step: 3, state: ws.train.freshState([tf.ones([2])]) }, "config");
 * assertEquals(ws.train.loadPoint(folder, "config", [[2]], console.warn)?.step, 3);
 * ```
 */
export function savePoint(folder: string, { step, state }: TrainingPoint, digest: string, disk: Disk = realDisk): void {
  const path = pointPath(folder, step);
  const parts = Object.entries({ params: state.params, mean: state.mean, square: state.square });
  const tensors = parts.flatMap(([part, list]) =>
    (list as readonly Tensor[]).map((tensor, i) => {
      const bytes = bytesOfTensor(tensor, "F32");
      return { name: `${part}.${i}`, dtype: "F32" as const, shape: tensor.shape, bytes: () => bytes };
    })
  );
  const hash = createHash("sha256");
  for (const tensor of tensors) hash.update(tensor.bytes());
  writeSafetensors(path, tensors, { step: String(step), config: digest, sha256: hash.digest("hex") }, disk);
  verify(path);
  for (const old of pointSteps(folder).slice(KEPT)) disk.remove(pointPath(folder, old));
}

/**
 * Loads the newest sound point.
 *
 * @param folder the run's `checkpoints/`
 * @param digest of the config
 * @param shapes of the params, which the point must have
 * @param warn told of each damaged point that is passed over
 * @returns the point, or undefined when there is none
 *
 * @example None in an empty folder
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.train.loadPoint(Deno.makeTempDirSync(), "config", [[2]], console.warn), undefined);
 * ```
 */
export function loadPoint(
  folder: string,
  digest: string,
  shapes: readonly (readonly number[])[],
  warn: (message: string) => void,
): TrainingPoint | undefined {
  for (const step of pointSteps(folder)) {
    const path = pointPath(folder, step);
    try {
      const stored = verify(path);
      if (readMetadata(path)["config"] !== digest) throw new UserError("it belongs to another config");
      return { step, state: readState(stored, shapes) };
    } catch (error) {
      warn(`The checkpoint ${path} is passed over: ${(error as Error).message}`);
    }
  }
}

function readState(stored: ReadonlyMap<string, StoredTensor>, shapes: readonly (readonly number[])[]): TrainingState {
  const read = (part: string) =>
    shapes.map((shape, i) => {
      const tensor = stored.get(`${part}.${i}`);
      if (!tensor || `${tensor.shape}` !== `${shape}` || tensor.dtype !== "F32") {
        throw new UserError(
          `"${part}.${i}" should be F32 of shape [${shape}], found ${tensor ? `${tensor.dtype} [${tensor.shape}]` : "none"}`,
        );
      }
      return tensor;
    });
  const all = { params: read("params"), mean: read("mean"), square: read("square") }; // checked before any is made
  const load = (list: readonly StoredTensor[]) => list.map((t) => tensorOfBytes(t.shape, "F32", (memory) => readInto(t, memory)));
  return { params: load(all.params), mean: load(all.mean), square: load(all.square) };
}

/** Reads a point back and compares its hash. */
function verify(path: string): Map<string, StoredTensor> {
  const stored = readHeader(path);
  const hash = createHash("sha256");
  for (const tensor of stored.values()) {
    const bytes = new Uint8Array(tensor.size);
    readInto(tensor, bytes);
    hash.update(bytes);
  }
  const [wanted, found] = [readMetadata(path)["sha256"], hash.digest("hex")];
  if (wanted !== found) throw new UserError(`its bytes have the hash ${found.slice(0, 12)}, ${wanted?.slice(0, 12)} was written`);
  return stored;
}

/** Steps of the points in a folder, newest first. */
export function pointSteps(folder: string): number[] {
  if (!exists(folder)) return [];
  const names = [...Deno.readDirSync(folder)].map(({ name }) => /^(\d+)\.safetensors$/.exec(name)?.[1]);
  return names.filter((name) => name !== undefined).map(Number).sort((a, b) => b - a);
}

function pointPath(folder: string, step: number): string {
  return `${folder}/${String(step).padStart(6, "0")}.safetensors`;
}
