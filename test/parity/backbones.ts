/**
 * How far our backbones are from transformers, PEFT and PyTorch, as a table: the largest differences on the recorded references.
 *
 *   deno run -A test/parity/backbones.ts
 *
 * @module
 */
import { dispose, openBackend, type Tensor, tf, tidy } from "../../lib/engine/mod.ts";
import {
  adapterTensors,
  decodeCodes,
  encodeFeatures,
  hiddenStates,
  loadAdapter,
  loadModel,
  logitsOf,
  nearestCodes,
} from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { seePictures } from "../../lib/model/siglip.ts";
import { markdownTable } from "../../lib/report/mod.ts";
import { completionGradients } from "../../lib/train/completion_loss.ts";
import { openReference, type Reference, take } from "../support.ts";

/** Where a reference lies, its first image id, which of its tokens are learnt from, and how many ids of text its logits have. */
const BACKBONES = {
  Chameleon: { folder: "reference", firstImage: 4, learnt: "tokens", text: 96 },
  Emu3: { folder: "reference/emu3", firstImage: 264, learnt: "tokens", text: 329 },
  Janus: { folder: "reference/janus", firstImage: 96, learnt: "drawn", text: 96 },
} as const;
const CODES = 64;

await openBackend();
const rows = Object.entries(BACKBONES).flatMap(([name, backbone]) => {
  const found = differencesOf(backbone);
  return Object.entries(found).map(([what, difference]) => ({ backbone: name, what, difference }));
});
console.log(markdownTable(rows));

/** Largest differences of one backbone, by what is compared. */
function differencesOf(backbone: typeof BACKBONES[keyof typeof BACKBONES]): Record<string, string> {
  const { firstImage, learnt, text } = backbone;
  const folder = new URL(backbone.folder, import.meta.url).pathname;
  const reference = openReference(`${folder}/reference.safetensors`);
  const { chameleon, vqgan, modules } = loadModel(folder, "float32");
  const adapter = loadAdapter(`${folder}/adapter`, chameleon.config);
  const apart = (name: string, tensor: Tensor) => largest(take(tensor), reference.values(name) as Float32Array).toExponential(1);
  const logits = (options: Parameters<typeof hiddenStates>[2]) =>
    tidy(() => {
      const all = logitsOf(hiddenStates(chameleon, reference.tensor("tokens"), options), chameleon.head);
      return tf.slice(all, [0, 0, 0], [-1, -1, text]) as Tensor;
    });
  const head = freezeHead(chameleon, { firstImage, codes: CODES });
  const named = adapterTensors(adapter);
  const batch = {
    tokens: reference.tensor(learnt),
    padding: tf.zeros([2, 1, 1, 24]) as Tensor,
    labels: reference.tensor("labels"),
    weights: reference.tensor("weights"),
  };
  const gradients = completionGradients({ model: chameleon, head, adapter, checkpointing: false });
  const { value, grads } = tidy(() => gradients([...named.values()], batch, null));
  const features = tidy(() => encodeFeatures(vqgan, reference.tensor("images")));
  const codes = take(nearestCodes(vqgan, features));
  const [count, height, width] = reference.shape("decoded") as [number, number, number];
  const each = codes.length / reference.shape("images")[0]!;
  const shown = tf.tensor2d(reference.values("codes").slice(0, count * each), [count, each], "int32") as Tensor;
  const result = {
    "logits": apart("logits", logits({})),
    ...(reference.names.includes("logits_lora") && { "logits with a PEFT adapter": apart("logits_lora", logits({ adapter })) }),
    ...(modules &&
      { "vectors of SigLIP and aligner": apart("understood", seePictures(chameleon.config.seeing!, modules, twoImages(reference))) }),
    "weighted loss": apart("loss", value),
    "LoRA gradients, of their norm": Math.max(
      ...[...named.keys()].map((name, i) => ofNorm(take(grads[i]!), reference.values(`grad.${name}`) as Float32Array)),
    )
      .toExponential(1),
    "features before quantisation": apart("features", features),
    "codes that differ": `${codes.filter((code, i) => code !== reference.values("codes")[i]).length} of ${codes.length}`,
    [`decoded pixels, ${count} × ${height} × ${width}`]: apart("decoded", decodeCodes(vqgan, shown)),
  };
  dispose([batch, shown, head]);
  return result;
}

function twoImages(reference: Reference): Tensor {
  const [, ...shape] = reference.shape("images") as [number, number, number, number];
  return tf.tensor(reference.values("images").slice(0, 2 * shape.reduce((a, b) => a * b)), [2, ...shape]) as Tensor;
}

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
}

function ofNorm(a: Float32Array, b: Float32Array): number {
  return Math.hypot(...a.map((x, i) => x - b[i]!)) / Math.hypot(...b);
}
