/**
 * A random Chameleon of Anole-7B's shapes: 14 GB of bfloat16 in shards, with index, `config.json` and a tokenizer, in the
 * user's cache folder. For memory and speed alone: its weights say nothing.
 *
 * @module
 */
import { cacheFolder, type Random, randomStream } from "../lib/engine/mod.ts";
import { exists, writeFile } from "../lib/files.ts";
import { type ChameleonConfig, formatConfig } from "../lib/model/config.ts";
import { ANOLE_7B } from "../lib/model/presets.ts";
import { weightShapes } from "../lib/model/checkpoint.ts";
import { writeShards } from "../lib/model/shards.ts";
import type { OutgoingTensor } from "../lib/model/safetensors.ts";
import { loadVocabulary, vocabularyMap } from "../lib/tokens/vocabulary.ts";
import { tinyTokenizer } from "../lib/world/tokenizer.ts";

/** Where it lies. */
export function randomFolder(): string {
  return `${cacheFolder()}/random-7b`;
}

/**
 * Writes it, unless it is there: `config.json` comes last.
 *
 * @returns its folder
 */
export function writeRandom7b(): string {
  return writeRandom(randomFolder(), ANOLE_7B);
}

/** Writes a random Chameleon of any shape into a folder, unless it is there; gives the folder. */
export function writeRandom(folder: string, config: ChameleonConfig): string {
  if (exists(`${folder}/config.json`)) return folder;
  const shapes = [...weightShapes(config)];
  const random = randomStream("random 7b");
  const noise = noiseOf(random, Math.max(...shapes.map(([, shape]) => count(shape))));
  writeShards(folder, shapes.map(([name, shape]) => tensorOf(name, shape, noise, random)));
  for (const [name, text] of Object.entries(tinyTokenizer(config.vq.codes).files)) writeFile(`${folder}/${name}`, text);
  const vocabulary = loadVocabulary(folder, config.vq.codes);
  writeFile(`${folder}/config.json`, formatConfig(config, vocabularyMap(vocabulary)));
  return folder;
}

/** Removes it. */
export function removeRandom7b(): void {
  if (exists(randomFolder())) Deno.removeSync(randomFolder(), { recursive: true });
}

const BLOCK = 2 ** 22; // random numbers, which repeat: 7 billion of them would take minutes

/** Normal numbers of deviation 0.02 in bfloat16, a block repeated until there are enough for a tensor at any place of a block. */
function noiseOf(random: Random, longest: number): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(1);
  const value = new Float32Array(bits.buffer);
  const block = Uint16Array.from({ length: BLOCK }, () => {
    value[0] = 0.02 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return bits[0]! >>> 16; // bfloat16 is the upper half of float32
  });
  const noise = new Uint16Array(longest + BLOCK);
  for (let i = 0; i < noise.length; i += BLOCK) noise.set(block.subarray(0, Math.min(BLOCK, noise.length - i)), i);
  return noise;
}

/** A tensor of noise; gains of norms are 1, other vectors 0. */
function tensorOf(name: string, shape: readonly number[], noise: Uint16Array<ArrayBuffer>, random: Random): OutgoingTensor {
  const isMatrix = shape.length > 1 && !name.includes("_norm.");
  const start = Math.floor(random() * BLOCK);
  const ofMatrix = () => new Uint8Array(noise.buffer, 2 * start, 2 * count(shape));
  const ofVector = () => new Uint8Array(new Float32Array(count(shape)).fill(/norm\w*\.weight$/.test(name) ? 1 : 0).buffer);
  return { name, dtype: isMatrix ? "BF16" : "F32", shape, bytes: isMatrix ? ofMatrix : ofVector };
}

function count(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
