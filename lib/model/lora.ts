/**
 * LoRA (Hu et al. 2022): the low-rank update `W + scale · B A` of a projection, beside its weights or merged into them.
 *
 * Shapes: B batch, T positions, r rank; "in" and "out" are a projection's widths.
 *
 * @module
 */
import { type Precision, precisionOf, seedTensor, type Tensor, tf, toPrecision, uniform } from "../engine/mod.ts";
import { leaves, withLeaves } from "../engine/tree.ts";
import { dropout, fusedAdd, linear } from "../nn/mod.ts";
import { type ChameleonConfig, type Projection, PROJECTIONS, projectionShape } from "./config.ts";

/** The update of one projection. */
export interface LowRank {
  /** The first factor, [r, in]. */
  readonly a: Tensor;
  /** The second factor, [out, r]. */
  readonly b: Tensor;
}

/** A LoRA adapter: a pair of factors for each adapted projection of each block. */
export interface Adapter {
  /** α / rank. */
  readonly scale: number;
  /** Share of a projection's input that is dropped during training. */
  readonly dropout: number;
  /** Factors by block. */
  readonly layers: readonly Partial<Record<Projection, LowRank>>[];
  /** What the names of the base's weights begin with; absent: `model`. */
  readonly prefix?: string;
}

/** What an adapter is made of. */
export interface LoraConfig {
  /** Rank of the update. */
  readonly rank: number;
  /** α: the update is scaled by α / rank. */
  readonly alpha: number;
  /** Dropout of the update's input during training. */
  readonly dropout: number;
  /** The adapted projections. */
  readonly targets: readonly Projection[];
}

/** An adapter and its configuration. */
export interface LoraAdapter extends Adapter {
  /** Its configuration. */
  readonly config: LoraConfig;
}

/** What a pass is told of its adapter. */
export interface AdaptedPass {
  /** An adapter to apply. */
  readonly adapter?: Adapter | undefined;
  /** Seed of LoRA's dropout, `[2]` int32; without it nothing is dropped. */
  readonly seed?: Tensor | undefined;
  /** Gives a factor back when its block begins: where gradients are taken, it may be watched from here. */
  readonly watch?: ((factor: Tensor) => Tensor) | undefined;
  /** Whether it is being trained. */
  readonly training?: boolean;
}

/** One block's part of an adapter, as a forward pass applies it. */
export interface BlockAdapter {
  /** Factors by projection; a projection without factors is not adapted. */
  readonly factors: Partial<Record<Projection, LowRank>>;
  /** α / rank. */
  readonly scale: number;
  /** Share of the input that is dropped. */
  readonly dropout: number;
  /** Seed of the block's dropout, `[2]` int32; null drops nothing. */
  readonly seed: Tensor | null;
  /** Whether it is being trained: then how a product is taken may follow from the number of rows, which elsewhere must change no bit. */
  readonly training: boolean;
}

/**
 * One block's part of an adapter.
 *
 * @param block its number, from 0
 * @param pass what a pass applies
 */
export function blockAdapter(block: number, { adapter, seed, watch, training = false }: AdaptedPass): BlockAdapter {
  const { scale = 0, dropout = 0 } = adapter ?? {};
  const own = seed && dropout > 0 ? tf.add(seed, tf.tensor1d([0, block], "int32")) : null; // [2]
  const factors = adapter?.layers[block] ?? {};
  return { factors: watch ? withLeaves(factors, leaves(factors).map(watch)) : factors, scale, dropout, seed: own, training };
}

/**
 * A projection with its update: `x Wᵀ + scale · dropped Aᵀ Bᵀ`.
 *
 * @param x [B, T, in]
 * @param dropped x after {@linkcode dropInput}, [B, T, in]
 * @param weight [out, in]
 * @param factors of the update; without them this is `x Wᵀ`
 * @param scale α / rank
 * @returns [B, T, out]
 */
export function adaptedLinear(x: Tensor, dropped: Tensor, weight: Tensor, factors: LowRank | undefined, scale: number): Tensor {
  if (!factors) return linear(x, weight); // [B, T, out]
  const { a, b } = castFactors(factors, scale, productPrecision(x, weight));
  return fusedAdd(linear(x, weight), linear(linear(dropped, a), b)); // [B, T, out]
}

/**
 * LoRA's dropout of a projection's input. Projections with the same input share one mask; PEFT draws one for each, which
 * has the same distribution.
 *
 * @param x the input, [B, T, in]
 * @param adapter the block's part of the adapter
 * @param projections those with this input; when none of them is adapted, x stays as it is
 * @param site tells the inputs of one block apart
 * @returns [B, T, in]
 */
export function dropInput(x: Tensor, adapter: BlockAdapter, projections: readonly Projection[], site: number): Tensor {
  const { factors, dropout: rate, seed } = adapter;
  if (!seed || !projections.some((projection) => factors[projection])) return x;
  return dropout(x, rate, dropSeed(seed, site), precisionOf(x)); // [B, T, in]
}

/** The seed of one input's dropout, from that of its block. [2] */
export function dropSeed(seed: Tensor, site: number): Tensor {
  return tf.add(seed, tf.tensor1d([site << 16, 0], "int32"));
}

/** The factors in the precision of the product, with the scale folded into the second. */
function castFactors({ a, b }: LowRank, scale: number, precision: Precision): LowRank {
  return { a: toPrecision(a, precision), b: toPrecision(scale === 1 ? b : tf.mul(b, scale), precision) };
}

function productPrecision(x: Tensor, weight: Tensor): Precision {
  return precisionOf(x) === "bfloat16" && precisionOf(weight) === "bfloat16" ? "bfloat16" : "float32";
}

/**
 * Merges an adapter into the weights of a model: `W + scale · B A`, in the weights' precision.
 *
 * @param model the model, or anything with its blocks' projections
 * @param adapter the adapter
 * @returns the model with new tensors for the adapted projections; all others are shared with the old one
 *
 * @example A fresh adapter changes nothing
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const adapter = ws.model.createAdapter(chameleon.config, lora, 1);
 * const merged = ws.model.mergeAdapter(chameleon, adapter);
 * assertEquals(merged.layers[0]!.q_proj.dataSync(), chameleon.layers[0]!.q_proj.dataSync());
 * ```
 */
export function mergeAdapter<M extends { readonly layers: readonly Readonly<Record<Projection, Tensor>>[] }>(
  model: M,
  adapter: Adapter,
): M {
  const layers = model.layers.map((layer, i) => {
    const factors = adapter.layers[i] ?? {};
    const adapted = PROJECTIONS.filter((projection) => factors[projection]);
    return {
      ...layer,
      ...Object.fromEntries(
        adapted.map((projection) => [projection, mergedWeight(layer[projection], factors[projection]!, adapter.scale)]),
      ),
    };
  });
  return { ...model, layers };
}

/** One projection's weights with its update, summed in float32 and rounded once to the weights' precision. [out, in] */
export function mergedWeight(weight: Tensor, { a, b }: LowRank, scale: number): Tensor {
  return tf.tidy(() => {
    const update = tf.mul(tf.matMul(b, a), scale); // [out, in]
    return toPrecision(tf.add(toPrecision(weight, "float32"), update), precisionOf(weight)); // [out, in]
  });
}

/**
 * A new adapter that changes nothing yet: `a` is uniform in ±1/√in as in PEFT, `b` is zero.
 *
 * @param model the shape of the model that it is for
 * @param config rank, α, dropout, targets
 * @param seed seeds the first factors
 * @returns the adapter; its update is zero
 *
 * @example Two factors for each adapted matrix
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const adapter = ws.model.createAdapter(chameleon.config, lora, 1);
 * assertEquals([adapter.layers[0]!.q_proj!.a.shape, adapter.layers[0]!.q_proj!.b.shape], [[2, 192], [192, 2]]);
 * ```
 */
export function createAdapter(model: ChameleonConfig, config: LoraConfig, seed: number): LoraAdapter {
  const layers = Array.from({ length: model.layers }, (_, layer) =>
    Object.fromEntries(config.targets.map((projection) => {
      const [out, input] = projectionShape(model, projection);
      const a = tf.tidy(() =>
        tf.mul(tf.sub(uniform([config.rank, input], seedTensor(seed, "lora", layer, projection)), 0.5), 2 * input ** -0.5) // [r, in]
      );
      return [projection, { a, b: tf.zeros([out, config.rank]) }]; // b: [out, r]
    })));
  return { config, scale: config.alpha / config.rank, dropout: config.dropout, layers, ...prefixOf(model) };
}

/** The prefix that an adapter has from its base, where there is one. */
export function prefixOf({ prefix }: Pick<ChameleonConfig, "prefix">): Pick<Adapter, "prefix"> {
  return prefix === undefined ? {} : { prefix };
}

/** PEFT's names of a projection's two factors. */
export function factorNames(layer: number, projection: Projection, prefix = "model"): { a: string; b: string } {
  const part = ["gate_proj", "up_proj", "down_proj"].includes(projection) ? "mlp" : "self_attn";
  const name = `base_model.model.${prefix}.layers.${layer}.${part}.${projection}`;
  return { a: `${name}.lora_A.weight`, b: `${name}.lora_B.weight` };
}

/**
 * An adapter's tensors by PEFT's names, in a fixed order: by block, then as in `PROJECTIONS`, `a` before `b`.
 *
 * @param adapter any adapter
 * @returns factors by name: a [rank, in], b [out, rank]
 *
 * @example Named as PEFT names them
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const names = [...ws.model.adapterTensors(ws.model.createAdapter(chameleon.config, lora, 1)).keys()];
 * assertEquals(names[0], "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight");
 * ```
 */
export function adapterTensors(adapter: Adapter): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  adapter.layers.forEach((layer, i) => {
    for (const projection of PROJECTIONS) {
      const pair = layer[projection];
      const names = factorNames(i, projection, adapter.prefix);
      if (pair) named.set(names.a, pair.a).set(names.b, pair.b);
    }
  });
  return named;
}

/**
 * The same adapter with other tensors, in the order of {@linkcode adapterTensors}.
 *
 * @param adapter what to copy
 * @param tensors its new factors
 * @returns the copy
 *
 * @example The same factors give the same adapter
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { chameleon } = ws.loadModel("data/tiny", "float32");
 * const lora = { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj" as const] };
 * const adapter = ws.model.createAdapter(chameleon.config, lora, 1);
 * const copy = ws.model.withAdapterTensors(adapter, [...ws.model.adapterTensors(adapter).values()]);
 * assertEquals(copy.layers, adapter.layers);
 * ```
 */
export function withAdapterTensors<T extends Adapter>(adapter: T, tensors: readonly Tensor[]): T {
  let next = 0;
  const layers = adapter.layers.map((layer) =>
    Object.fromEntries(
      PROJECTIONS.filter((projection) => layer[projection])
        .map((projection) => [projection, { a: tensors[next++]!, b: tensors[next++]! }]),
    )
  );
  return { ...adapter, layers };
}

/** Frees an adapter's tensors. */
export function disposeAdapter(adapter: Adapter): void {
  for (const tensor of adapterTensors(adapter).values()) tensor.dispose();
}
