/**
 * Rehearsal (beyond the paper; Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal"): while a dynamics model learns from
 * few trajectories it goes on naming what is in pictures, or it forgets the words that supervision lacks.
 *
 * @module
 */
import { randomStream } from "../engine/mod.ts";
import { fitsWorld } from "../experiment/datasets.ts";
import type { Config } from "../experiment/schema.ts";
import { UserError } from "../errors.ts";
import type { Vqgan } from "../model/mod.ts";
import type { Sequence, Vocabulary } from "../tokens/mod.ts";
import { DIFFICULTIES } from "../world/difficulty.ts";
import { alikeScenes, type Document, nearScenes, randomDocuments } from "../world/documents.ts";
import { drawGroups, encodeGroups, makeGroups } from "./stages.ts";

/** Ids of the longest answer that is rehearsed. */
export const LONGEST_REHEARSED = 40;
const GROUPS = 600; // of three scenes, of each kind
const OF_A_GROUP = 5; // documents

/**
 * Checks, before anything is written, that what a base learnt from is known, and that a row is left for a trajectory.
 *
 * @param config its sections `cdm` and `model`
 * @throws UserError when it is not so and `cdm.rehearse` is not 0
 */
export function requireRehearsable(config: Config): void {
  const { cdm: { rehearse, batch }, model } = config;
  if (rehearse > 0 && !fitsWorld(config)) {
    throw new UserError(`Cannot rehearse with ${model.path}: what it learnt from is known of the tiny base alone; give --cdm.rehearse=0`);
  }
  if (rehearse >= batch) {
    throw new UserError(`Cannot rehearse in ${rehearse} of ${batch} rows: no row of the batch is left for a trajectory`);
  }
}

/**
 * What the tiny base learnt to say of pictures: of one, what is in it; of two, what is in one alone and where they differ.
 *
 * @param config its sections `pretrain` and `seed`
 * @param vqgan encodes the pictures
 * @param vocabulary of the tiny base
 * @param groups of three scenes of each kind that they are about
 * @returns ten sequences a group: pictures, then words that are learnt; none where `cdm.rehearse` is 0
 */
export async function rehearsal(config: Config, vqgan: Vqgan, vocabulary: Vocabulary, groups = GROUPS): Promise<Sequence[]> {
  if (config.cdm.rehearse === 0) return [];
  const own = { ...config, pretrain: { ...config.pretrain, groups } };
  const sequences: Sequence[] = [];
  for (const [make, progress] of [[alikeScenes, 0.9], [nearScenes, 1]] as const) {
    const scenes = makeGroups(own, make);
    const pool = { world: DIFFICULTIES[config.pretrain.difficulty], groups: encodeGroups(vqgan, scenes, await drawGroups(scenes)) };
    const found: Sequence[] = [];
    for (let i = 0; found.length < OF_A_GROUP * groups; i++) {
      const documents = randomDocuments(randomStream("rehearsal", config.seed, make.name, i), pool, 16, progress, vocabulary);
      found.push(...documents.flatMap((document) => wordsOf(document, vocabulary)));
    }
    sequences.push(...found.slice(0, OF_A_GROUP * groups));
  }
  return sequences;
}

/** A document as a question and its answer; none where its answer is a picture, or long, or nothing is asked. */
function wordsOf({ ids, weights }: Document, { firstImage, codes }: Vocabulary): Sequence[] {
  const begins = weights.indexOf(1);
  const [prompt, completion] = [ids.slice(0, begins), ids.slice(begins)];
  const isPicture = (id: number) => id >= firstImage && id < firstImage + codes;
  return prompt.some(isPicture) && !completion.some(isPicture) && completion.length <= LONGEST_REHEARSED ? [{ prompt, completion }] : [];
}
