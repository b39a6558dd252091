/**
 * Candidates of the next observation, as task `verify` keeps them: a line of `candidates.jsonl` and a picture each. Tasks that
 * score candidates write the same lines with their own scores.
 *
 * @module
 */
import { z } from "zod";
import { quoted, UserError } from "../errors.ts";
import { LARGEST, readBytes, readJsonLines, resumeLog } from "../files.ts";
import { decodeImage, type RgbImage } from "../tokens/mod.ts";

/** A candidate. */
export interface Candidate {
  /** Whose it is, once several systems' candidates stand in one file. */
  readonly system?: string | undefined;
  /** The trajectory. */
  readonly id: string;
  /** Its subset. */
  readonly subset: string;
  /** Which repetition, each with a pool and a seed of its own. */
  readonly repeat: number;
  /** Its place in the pool. */
  readonly index: number;
  /** The seed that it was drawn with. */
  readonly seed: number;
  /** Its picture, a file below the folder. */
  readonly image: string;
  /** Of the action between source and candidate, by the dynamics model: the mean a token, in nats. */
  readonly logLikelihood: number;
  /** Whether it is the one of its pool that the dynamics model chooses. */
  readonly chosen: boolean;
  /** What it is worth, by who says so. */
  readonly scores: Readonly<Record<string, number>>;
  /** Whether it is right and minimal; null where that is not known. */
  readonly right: boolean | null;
  /** Why it has no score. */
  readonly unscored?: string | undefined;
}

const whole = z.number().int().nonnegative();
const CANDIDATE: z.ZodType<Candidate> = z.looseObject({
  ...{ system: z.string().optional(), id: z.string(), subset: z.string(), repeat: whole, index: whole, seed: whole, image: z.string() },
  ...{ logLikelihood: z.number(), chosen: z.boolean(), scores: z.record(z.string(), z.number()), right: z.boolean().nullable() },
  unscored: z.string().optional(),
});

/**
 * Reads `candidates.jsonl`, and leaves it as it is.
 *
 * @param folder of a run of task verify, or of one that scored its candidates
 * @returns the candidates in the file's order; none where there is no file
 * @throws UserError naming a line that is no candidate
 */
export function readCandidates(folder: string): Candidate[] {
  const path = `${folder}/candidates.jsonl`;
  return readJsonLines(path).map((line, i) => candidateOf(line, i, path));
}

/**
 * Reads `candidates.jsonl` of a run that goes on with it; a last line that was being written is taken off the file.
 *
 * @param folder of the run that writes it
 * @returns the candidates in the file's order; none where there is no file
 * @throws UserError naming a line that is no candidate
 */
export function resumeCandidates(folder: string): Candidate[] {
  const path = `${folder}/candidates.jsonl`;
  return resumeLog(path).map((line, i) => candidateOf(line, i, path));
}

function candidateOf(line: unknown, i: number, path: string): Candidate {
  const parsed = CANDIDATE.safeParse(line);
  if (parsed.success) return parsed.data;
  throw new UserError(
    `Cannot use line ${i + 1} of ${path}: ${quoted(parsed.error.issues[0]?.path.join("."))} is not what this version writes; ` +
      "run the stage again with --restart",
  );
}

/**
 * Reads a candidate's picture.
 *
 * @param folder the run that keeps it
 * @param candidate the candidate
 * @throws UserError when there is no such file below the folder, or it is no picture
 */
export async function readCandidatePicture(folder: string, { image }: Candidate): Promise<RgbImage> {
  if (/(^|[\\/])\.\.([\\/]|$)|^[\\/]/.test(image)) throw new UserError(`Cannot read ${quoted(image)}: it lies outside ${folder}`);
  return await decodeImage(readBytes(`${folder}/${image}`, LARGEST.picture), `${folder}/${image}`);
}

/**
 * Candidates by pool: of one system, one trajectory, one repetition.
 *
 * @param candidates in any order
 * @returns the pools, in the order of their first candidates; each in the order it was drawn in
 *
 * @example Two pools
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const of = (repeat: number, index: number): ws.judge.Candidate => ({
 *   ...{ id: "ag-1", subset: "ag", repeat, index, seed: 1, image: "", logLikelihood: -1, chosen: false, scores: {}, right: null },
 * });
 * assertEquals(ws.judge.groupPools([of(0, 1), of(0, 0), of(1, 0)]).map((pool) => pool.length), [2, 1]);
 * ```
 */
export function groupPools<T extends Candidate>(candidates: readonly T[]): T[][] {
  const groups = Map.groupBy(candidates, ({ system, repeat, id }) => JSON.stringify([system, repeat, id]));
  return [...groups.values()].map((pool) => pool.toSorted((a, b) => a.index - b.index));
}
