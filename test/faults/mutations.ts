/**
 * Files with a few bytes or words changed, as damage or an attacker leaves them. What is changed depends on the seed alone.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type Random, randomInt, randomStream } from "../../lib/engine/mod.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NUMBERS = ["-1", "0", "1e999", "-0.5", "9007199254740993", "4294967296", "1e-320", "null", '"x"', "[]", "{}", "true"];
const WORDS = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff];

/** A copy of a file with one to four changes, mostly one; in every second one a number of its text alone is another. */
export function mutated(file: Bytes, name: string, seed: number): Bytes {
  const random = randomStream("mutation", name, seed);
  if (random() < 0.5) return replaceNumber(file, random);
  let bytes = file;
  const changes = random() < 0.5 ? 1 : 2 + randomInt(random, 3);
  for (let i = 0; i < changes; i++) bytes = CHANGES[randomInt(random, CHANGES.length)]!(bytes, random);
  return bytes;
}

/** A place in a file; one in two lies within its first 512 bytes, where headers are. */
function placeIn({ length }: Bytes, random: Random): number {
  return randomInt(random, Math.max(1, random() < 0.5 ? Math.min(512, length) : length));
}

const CHANGES: readonly ((bytes: Bytes, random: Random) => Bytes)[] = [
  function flipBit(bytes, random) {
    const copy = bytes.slice();
    const place = placeIn(bytes, random);
    if (place < copy.length) copy[place]! ^= 1 << randomInt(random, 8);
    return copy;
  },
  function setByte(bytes, random) {
    const copy = bytes.slice();
    const place = placeIn(bytes, random);
    if (place < copy.length) copy[place] = randomInt(random, 256);
    return copy;
  },
  function setWord(bytes, random) {
    const copy = bytes.slice();
    if (copy.length < 8) return copy;
    const place = Math.min(placeIn(bytes, random), copy.length - 4);
    new DataView(copy.buffer).setUint32(place, WORDS[randomInt(random, WORDS.length)]!, random() < 0.5);
    return copy;
  },
  function cutEnd(bytes, random) {
    return bytes.slice(0, placeIn(bytes, random));
  },
  function cutOut(bytes, random) {
    const from = placeIn(bytes, random);
    return joined(bytes.slice(0, from), bytes.slice(from + 1 + randomInt(random, 64)));
  },
  function repeat(bytes, random) {
    const [from, to] = [placeIn(bytes, random), placeIn(bytes, random)];
    return joined(bytes.slice(0, to), bytes.slice(from, from + 1 + randomInt(random, 256)), bytes.slice(to));
  },
  function fill(bytes, random) {
    const copy = bytes.slice();
    const place = placeIn(bytes, random);
    copy.fill(random() < 0.5 ? 0 : 255, place, place + 1 + randomInt(random, 64));
    return copy;
  },
  replaceNumber,
];

/** Another number, or something else, in the place of one in a text; other files have digits too. */
function replaceNumber(bytes: Bytes, random: Random): Bytes {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 2 ** 18));
  const numbers = [...text.matchAll(/-?\d+(\.\d+)?/g)];
  if (numbers.length === 0) return bytes;
  const { 0: found, index } = numbers[randomInt(random, numbers.length)]!;
  const instead = new TextEncoder().encode(NUMBERS[randomInt(random, NUMBERS.length)]!);
  return joined(bytes.slice(0, index), instead, bytes.slice(index + found.length));
}

function joined(...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(parts));
}
