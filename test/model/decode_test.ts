import { type Adapter, type Chameleon, decodeStep, logitsOf, prefill, PROJECTIONS } from "../../lib/model/mod.ts";
import {
  type Decoder,
  decoderOf,
  decodeRows,
  type DecodingContext,
  decodingContext,
  mergedMatrices,
  ownSlots,
} from "../../lib/model/decode.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { compile, dispose, precisionOf, randomInt, randomStream, type Tensor, tf, tidy, toPrecision } from "../../lib/engine/mod.ts";
import type { KeysValues } from "../../lib/nn/mod.ts";
import { activeBinding } from "../../lib/engine/kernels.ts";
import { assertClose, engine, randomAdapter, randomChameleon, take, withoutLeaks } from "../support.ts";

await engine();
const graphs = { ignore: activeBinding() === undefined }; // the step is XLA's

const SHAPES = [
  { name: "as many key heads as heads", heads: 4, keyHeads: 4, swinNorm: false },
  { name: "grouped heads", heads: 4, keyHeads: 2, swinNorm: false },
  { name: "grouped heads, no QK-norm", heads: 4, keyHeads: 2, swinNorm: false, qkNorm: false },
  { name: "one key head, norms after the layers", heads: 4, keyHeads: 1, swinNorm: true },
  { name: "wide", heads: 4, keyHeads: 4, swinNorm: false, hiddenSize: 512, layers: 1 }, // no constant of that size gets into a loop
];
const [PROMPTS, ROWS, LENGTH, SLOTS, STEPS] = [2, 6, 5, 40, 3]; // more slots than one sum has terms

for (const { name, ...shape } of SHAPES) {
  for (const precision of ["float32", "bfloat16"] as const) {
    Deno.test(`decodeRows() gives the scores of chameleon.ts's decodeStep(), ${name}, ${precision}`, graphs, () =>
      withoutLeaks(() => {
        const model = randomChameleon({ hiddenSize: 64, intermediateSize: 96, layers: 2, ...shape }, precision);
        const adapter = randomAdapter(model.config, { rank: 2, alpha: 2, dropout: 0, targets: PROJECTIONS }, 1);
        for (const used of [null, adapter]) {
          const [expected, found] = [scoresByStep(model, used), scoresByRows(model, used)];
          const bound = (precision === "float32" ? 2e-5 : 0.25) * Math.sqrt(model.config.hiddenSize / 64); // a score sums so many terms; 0.17 was seen with AVX2
          expected.forEach((scores, i) => assertClose(found[i]!, scores, bound, `step ${i}`));
        }
        disposeAdapter(adapter);
        dispose(model);
      }));
  }
}

const random = randomStream("decode rows");
const ids = Array.from({ length: PROMPTS * LENGTH }, () => randomInt(random, 96));
const fed = Array.from({ length: STEPS }, () => Array.from({ length: ROWS }, () => randomInt(random, 96)));
const hidden = Float32Array.from({ length: PROMPTS * LENGTH }, (_, i) => i < 2 ? -1e9 : 0); // the first prompt is padded

type Scores = Float32Array[];

function inputs() {
  return {
    tokens: tf.tensor2d(ids, [PROMPTS, LENGTH], "int32"),
    padding: tf.tensor4d(hidden, [PROMPTS, 1, 1, LENGTH]),
    newest: fed.map((row) => tf.tensor1d(row, "int32")),
  };
}

function scoresByStep(model: Chameleon, adapter: Adapter | null): Scores {
  const scores = tidy(() => {
    const { tokens, padding, newest } = inputs();
    const options = { adapter: adapter ?? undefined, padding };
    const { cache: prompt } = prefill(model, tokens, options);
    const { keyHeads, heads, hiddenSize } = model.config;
    const slots = () => toPrecision(tf.zeros([ROWS, keyHeads, SLOTS, hiddenSize / heads]), precisionOf(prompt[0]!.k));
    let own = prompt.map(() => ({ k: slots(), v: slots() }));
    return newest.map((one, step) => {
      const next = decodeStep(model, one, tf.scalar(step, "int32"), { prompt, own }, options);
      own = next.own;
      return toPrecision(tf.squeeze(logitsOf(next.hidden, model.head), [1]), "float32") as Tensor;
    });
  });
  return scores.map(take);
}

const rows = compile(
  (newest: Tensor, own: readonly KeysValues[] | null, decoder: Decoder, context: DecodingContext, step: Tensor) =>
    decodeRows(decoder, context, newest, ownSlots(decoder, own, ROWS, SLOTS), step),
  { xla: true },
);

function scoresByRows(model: Chameleon, adapter: Adapter | null): Scores {
  const scores = tidy(() => {
    const { tokens, padding, newest } = inputs();
    const { cache } = prefill(model, tokens, { adapter: adapter ?? undefined, padding });
    const context = decodingContext(model.config, cache, padding, SLOTS);
    const decoder = decoderOf(model, adapter && mergedMatrices(model, adapter), model.head);
    let own: KeysValues[] | null = null;
    return newest.map((one, step) => {
      const next = rows(one, own, decoder, context, tf.scalar(step, "int32"));
      own = next.own;
      return next.logits;
    });
  });
  return scores.map(take);
}
