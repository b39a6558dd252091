/**
 * The backbones, and what sets them apart when a checkpoint is read or written: a case for each, in plain switches. What they share
 * is chameleon.ts and the questions of vqgan.ts.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { exists, readJson } from "../files.ts";
import { type ChameleonConfig, formatConfig, parseConfig } from "./config.ts";
import { emu3WeightName, formatEmu3, formatEmu3Processor, parseEmu3 } from "./emu3.ts";
import { emu3Pictures, emu3PictureShapes } from "./emu3_vqvae.ts";
import { formatJanus, formatJanusProcessor, janusShapes, parseJanus } from "./janus.ts";
import { janusPictures, janusPictureShapes } from "./janus_vq.ts";
import { type Vqgan, vqShapes, type Weights } from "./vqgan.ts";

/**
 * Reads a checkpoint's `config.json` by its `model_type`.
 *
 * @param folder the checkpoint
 * @returns the model's shape
 * @throws UserError when it is of no backbone that is known, or asks for arithmetic that is not implemented
 */
export function readConfig(folder: string): ChameleonConfig {
  const path = `${folder}/config.json`;
  const json = readJson(path);
  const type = (json as { model_type?: unknown } | null)?.model_type;
  switch (type) {
    case "chameleon":
      return parseConfig(json, path);
    case "emu3":
      return parseEmu3(json, path, processorOf(folder));
    case "janus":
      return parseJanus(json, path);
  }
  throw new UserError(`Cannot use ${path}: "model_type" must be chameleon, emu3 or janus, found ${quoted(type)}`);
}

function processorOf(folder: string): unknown {
  const path = `${folder}/preprocessor_config.json`;
  return exists(path) ? readJson(path) : undefined;
}

/** The files beside the weights that say a model's shape, by name; `vocabularyMap` is the table of image tokens. */
export function configFiles(config: ChameleonConfig, vocabularyMap: Readonly<Record<string, number>>): Record<string, string> {
  switch (config.backbone) {
    case "emu3":
      return { "preprocessor_config.json": formatEmu3Processor(config), "config.json": formatEmu3(config, vocabularyMap) };
    case "janus":
      return { "preprocessor_config.json": formatJanusProcessor(config), "config.json": formatJanus(config, vocabularyMap) };
    default:
      return { "config.json": formatConfig(config, vocabularyMap) };
  }
}

/** Names and shapes of the picture tokenizer's weights. */
export function pictureShapes({ backbone, vq }: ChameleonConfig): Map<string, number[]> {
  switch (backbone) {
    case "emu3":
      return emu3PictureShapes(vq);
    case "janus":
      return janusPictureShapes(vq);
    default:
      return vqShapes(vq);
  }
}

/** Names and shapes of weights beside transformer and picture tokenizer. */
export function moduleShapes(config: ChameleonConfig): Map<string, number[]> {
  return config.backbone === "janus" ? janusShapes(config) : new Map();
}

/** The picture tokenizer of some weights. */
export function picturesOf({ backbone, vq }: ChameleonConfig, weights: Weights): Vqgan {
  switch (backbone) {
    case "emu3":
      return emu3Pictures(vq, weights);
    case "janus":
      return janusPictures(vq, weights);
    default:
      return { config: vq, weights };
  }
}

/** A stored tensor's name as we know it; undefined for what is no weight. */
export function weightName({ backbone }: Pick<ChameleonConfig, "backbone">, stored: string): string | undefined {
  switch (backbone) {
    case "emu3":
      return emu3WeightName(stored);
    default:
      return stored;
  }
}
