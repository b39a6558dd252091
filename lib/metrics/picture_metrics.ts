/**
 * The automatic metrics of predicted pictures (paper Table 3): L1 by both protocols, and what there are models for.
 *
 * @module
 */
import { readJson } from "../files.ts";
import type { RgbImage } from "../tokens/mod.ts";
import { cosine, type ImageEncoder, openImageEncoder } from "./image_encoder.ts";
import { L1_SIGNATURES, l1Distance, PROTOCOLS } from "./images.ts";

/** A metric of pictures. */
export interface PictureMetric {
  /** Its column. */
  readonly name: string;
  /** What is computed, and how. */
  readonly signature: string;
  /** Its value; undefined where a trajectory has none. */
  readonly measure: (picture: RgbImage, target: RgbImage, id: string) => Promise<number | undefined>;
}

/** Metrics that can be measured. */
export interface PictureMetrics {
  /** The metrics. */
  readonly metrics: readonly PictureMetric[];
  /** What is left out, as there is no model or caption for it. */
  readonly left: readonly string[];
  /** Frees the models. */
  readonly close: () => Promise<void>;
}

/** Where models and captions lie; empty: left out. */
export interface MetricPaths {
  /** CLIP-I and CLIP-T: a folder with ONNX models. */
  readonly clip: string;
  /** DINO: a folder with an ONNX model. */
  readonly dino: string;
  /** CLIP-T: a JSON file of captions by trajectory id. */
  readonly captions: string;
}

/**
 * Opens L1, and what there are models for.
 *
 * @param paths of models and captions
 * @returns the metrics; close them when done
 * @throws UserError naming a file that is missing
 */
export async function openPictureMetrics({ clip, dino, captions }: MetricPaths): Promise<PictureMetrics> {
  const metrics = PROTOCOLS.map((protocol): PictureMetric => ({
    name: `l1_${protocol}`,
    signature: L1_SIGNATURES[protocol],
    measure: (picture, target) => Promise.resolve(l1Distance(picture, target, protocol)),
  }));
  const encoders: ImageEncoder[] = [];
  const open = async (folder: string) => encoders[encoders.push(remembering(await openImageEncoder(folder))) - 1]!;
  const alike = (name: string, encoder: ImageEncoder): PictureMetric => ({
    ...{ name, signature: encoder.signature },
    measure: async (picture, target) => cosine(await encoder.picture(picture), await encoder.picture(target)),
  });
  const clipEncoder = clip === "" ? undefined : await open(clip);
  if (clipEncoder) metrics.push(alike("clip_i", clipEncoder));
  if (dino !== "") metrics.push(alike("dino", await open(dino)));
  const sentence = captions === "" ? undefined : clipEncoder?.sentence;
  if (sentence) {
    const said = readJson(captions) as Record<string, string>;
    metrics.push({
      ...{ name: "clip_t", signature: `${clipEncoder!.signature}|captions of ${captions}` },
      measure: async (picture, _, id) =>
        said[id] === undefined ? undefined : cosine(await clipEncoder!.picture(picture), await sentence(said[id])),
    });
  }
  const left = [
    clipEncoder ? "" : "CLIP-I (evaluate.clip)",
    dino === "" ? "DINO (evaluate.dino)" : "",
    sentence ? "" : "CLIP-T (evaluate.captions)",
  ];
  return {
    metrics,
    left: left.filter((name) => name !== ""),
    close: async () => void await Promise.all(encoders.map((one) => one.close())),
  };
}

/** An encoder that encodes a picture once for as long as somebody holds it: a pool's target, a prediction for two metrics. */
function remembering(encoder: ImageEncoder): ImageEncoder {
  const known = new WeakMap<RgbImage, Promise<Float32Array>>();
  return {
    ...encoder,
    picture(image) {
      const vector = known.get(image) ?? encoder.picture(image);
      known.set(image, vector);
      return vector;
    },
  };
}

/** All metrics of a picture that its trajectory has. */
export async function measurePicture(
  metrics: readonly PictureMetric[],
  picture: RgbImage,
  target: RgbImage,
  id: string,
): Promise<Record<string, number>> {
  const measured: Record<string, number> = {};
  for (const { name, measure } of metrics) {
    const value = await measure(picture, target, id);
    if (value !== undefined) measured[name] = value;
  }
  return measured;
}
