/** Our side of `bench sample`: draws candidates of one prompt, prints times, memory and bandwidth. */
import { readJson } from "../lib/files.ts";
import { loadModel } from "../lib/model/mod.ts";
import { freezeHead } from "../lib/model/chameleon.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { generate, logLikelihoods } from "../lib/sample/mod.ts";
import { compile, openBackend, type Tensor, tf } from "../lib/engine/mod.ts";
import { CODES, FIRST_IMAGE } from "./checkpoint.ts";

const [folder, tokens, candidates] = [Deno.args[0]!, Number(Deno.args[1]), Number(Deno.args[2])];
await openBackend("tensorflow");
const model = loadModel(folder, "bfloat16").chameleon;
const head = freezeHead(model, { firstImage: FIRST_IMAGE, codes: CODES });
const prompt = readJson(`${folder}/prompt.json`) as number[];
const sampler = { model, head, firstId: FIRST_IMAGE, pad: 1 };
const draw = (n: number, length: number) => () => generate(sampler, Array(n).fill(prompt), length, { temperature: 1, seed: 1 });

/** The better of three, after one that compiles. */
function timed(work: () => unknown): number {
  work();
  return Math.min(...[0, 1, 2].map(() => {
    const start = performance.now();
    work();
    return (performance.now() - start) / 1000;
  }));
}

const seconds = timed(draw(candidates, tokens));
const memory = peakMemory();
const byCount = Object.fromEntries([1, 2, 4, 8].map((n) => [n, timed(draw(n, tokens))]));
const byLength = Object.fromEntries([64, 128, 256].map((length) => [length, timed(draw(8, length))]));
const drawn = draw(8, tokens)();
const action = Array.from({ length: 12 }, (_, i) => CODES + 20 + i);
const family = (n: number) => [drawn.slice(0, n).map((ids) => ({ prompt: [...prompt.slice(0, 260), ...ids], completion: action }))];
const text = { model, head: model.head, firstId: 0, pad: 1 };
const verify = Object.fromEntries([1, 8].map((n) => [n, timed(() => logLikelihoods(text, family(n)))]));

const { layers, hiddenSize: width, heads, keyHeads, intermediateSize: inner } = model.config;
const keyBytes = 2 * layers * width * keyHeads / heads * 2; // keys and values of a position, bfloat16
const weights = 2 * (layers * (4 * width ** 2 + 3 * width * inner) + CODES * width);
const read = tokens * (weights + keyBytes * prompt.length) + candidates * keyBytes * tokens * tokens; // slots are read whole
console.log(JSON.stringify({
  ...{ seconds, memory, byCount, byLength, verify, bytes: keyBytes * tokens, bandwidth: read / seconds, copy: readSpeed() },
}));

/** Bytes a second that a sum over 256 MiB reads. */
function readSpeed(): number {
  const big = tf.ones([64, 2 ** 20]) as Tensor;
  const sum = compile((x: Tensor) => tf.sum(x) as Tensor);
  return 4 * 64 * 2 ** 20 / timed(() => sum(big).dispose());
}
