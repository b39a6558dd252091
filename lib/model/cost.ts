/**
 * How much there is to compute and to read, worked out from shapes: floating-point operations and bytes.
 *
 * @module
 */
import { pictureShapes } from "./backbones.ts";
import { type ChameleonConfig, PROJECTIONS, projectionShape } from "./config.ts";

/** Weights of a block's matrices. */
export function blockWeights(config: ChameleonConfig): number {
  return PROJECTIONS.reduce((sum, name) => {
    const [out, input] = projectionShape(config, name);
    return sum + out * input;
  }, 0);
}

/**
 * Operations of a forward pass: products with the weights, and attention over what came before.
 *
 * @param config the model's shape
 * @param positions that are computed
 * @param before positions whose keys and values are there already
 * @returns operations, logits not counted
 */
export function passFlops(config: ChameleonConfig, positions: number, before = 0): number {
  const attended = positions * before + positions ** 2 / 2; // pairs of a query and a key that it sees
  return config.layers * (2 * positions * blockWeights(config) + 4 * attended * config.hiddenSize);
}

/** Operations of logits. */
export function logitFlops(config: ChameleonConfig, positions: number, head: number): number {
  return 2 * positions * config.hiddenSize * head;
}

/**
 * Operations of a step of LoRA on one sequence: forward, and back to the inputs, as the weights are frozen; the adapter's own
 * products are below a hundredth of that.
 *
 * @param config the model's shape
 * @param positions of the sequence
 * @param completions positions with a loss, and rows of the output matrix
 * @param checkpointing whether blocks are computed a second time
 * @returns operations
 */
export function trainingFlops(
  config: ChameleonConfig,
  positions: number,
  { asked, head }: { readonly asked: number; readonly head: number },
  checkpointing: boolean,
): number {
  return (checkpointing ? 3 : 2) * passFlops(config, positions) + 2 * logitFlops(config, asked, head);
}

/**
 * Bytes that one step of drawing reads: weights, rows of the output matrix, keys and values of prompts and of what was drawn.
 *
 * @param config the model's shape
 * @param size sequences, prompts among them, positions of a prompt, positions drawn so far, rows of the output matrix, bytes
 * @returns bytes
 */
export function stepBytes(
  config: ChameleonConfig,
  size: {
    readonly rows: number;
    readonly prompts: number;
    readonly positions: number;
    readonly drawn: number;
    readonly head: number;
    readonly bytes: number;
  },
): number {
  const { rows, prompts, positions, drawn, head, bytes } = size;
  const { layers, hiddenSize, heads, keyHeads } = config;
  const kept = 2 * layers * hiddenSize / heads * keyHeads * (prompts * positions + rows * drawn);
  return bytes * (layers * blockWeights(config) + head * hiddenSize + kept);
}

/** Operations of encoding or decoding one picture: its convolutions. */
export function pictureFlops(config: ChameleonConfig, half: "encoder" | "decoder"): number {
  const { vq } = config;
  const lowest = vq.channelMultiplier.length - 1;
  return pictureShapes(config).entries().reduce((sum, [name, shape]) => {
    if (shape.length !== 4 || !name.startsWith(half)) return sum;
    const level = Number(/\.(?:down|up)\.(\d+)\./.exec(name)?.[1] ?? (/conv_in|conv_out/.test(name) ? edgeLevel(name, lowest) : lowest));
    const side = vq.resolution / 2 ** level;
    return sum + 2 * side ** 2 * shape.reduce((a, b) => a * b, 1);
  }, 0);
}

/** The first convolution of the encoder and the last of the decoder see whole pictures. */
function edgeLevel(name: string, lowest: number): number {
  return name.startsWith("encoder.conv_in") || name.startsWith("decoder.conv_out") ? 0 : lowest;
}
