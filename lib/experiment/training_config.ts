/**
 * What trainings make of the configuration that they are given: the world model's own, a smaller one on wasm, what a run depends
 * on, its steps.
 *
 * @module
 */
import type { Backend } from "../engine/mod.ts";
import { DEFAULT_CONFIG } from "./cli.ts";
import { type Override, resolveConfig } from "./config.ts";
import type { Config } from "./schema.ts";
import type { Invocation } from "./task.ts";

const WASM_CONFIG = "data/configs/tiny-wasm.yaml";

/** The baseline C-FT (paper A.8.2). */
const CFT: readonly Override[] = [{ key: "cwm.weights", value: "none" }, { key: "cwm.synthetic", value: "" }];

/** EPIC-Kitchens is the dynamics model's alone (paper A.8.2, A.8.3). */
const WITHOUT_EPIC: readonly Override[] = [{ key: "data.epic", value: "" }];

/**
 * An invocation of what trains the world model, as if the command line ended with what `--cft` and `cwm.epic` stand for: so it holds
 * whichever configuration file is taken.
 *
 * @param invocation as it was given
 * @returns the invocation with more overrides, and the configuration that they give
 */
export function ofWorldModel(invocation: Invocation): Invocation {
  const { flags, config: { cwm } } = invocation;
  const overrides = [...invocation.overrides, ..."cft" in flags ? CFT : [], ...cwm.epic ? [] : WITHOUT_EPIC];
  return { ...invocation, overrides, config: resolveConfig(flags["config"] ?? DEFAULT_CONFIG, overrides) };
}

/**
 * The configuration to train by; on wasm, when no file is given, a smaller one, so that it ends in minutes too.
 *
 * @param backend what was opened
 * @param invocation of the training
 * @returns its configuration, or the smaller one with the same overrides in the same experiment
 */
export function configFor({ name }: Pick<Backend, "name">, { config, flags, overrides }: Invocation): Config {
  if (name !== "wasm" || flags["config"]) return config;
  console.log(`Taking ${WASM_CONFIG}, which is smaller: --config=FILE takes another`);
  return { ...resolveConfig(WASM_CONFIG, overrides), experiment: config.experiment }; // where those look who build on it
}

/**
 * What a run depends on of sections that are not its own: what is rehearsed is of the world that the base learnt.
 *
 * @param section of the training
 * @param config in force
 * @returns inputs by name; none where nothing is rehearsed
 */
export function inputsOfRehearsal(section: "cdm" | "cwm", { cdm, pretrain }: Config): Readonly<Record<string, string>> {
  return section === "cdm" && cdm.rehearse > 0 ? { "pretrain.difficulty": pretrain.difficulty } : {};
}

/** What a training's steps follow from; the dynamics model's section says too how many rows of a batch are rehearsed. */
type Lasting = Pick<Config["cwm"], "steps" | "epochs" | "batch" | "accumulate"> & Partial<Pick<Config["cdm"], "rehearse">>;

/**
 * Steps of the optimiser: those asked for, or as many as the epochs take.
 *
 * @param options the training's section
 * @param items trajectories, which are all rows of a batch but those that are rehearsed
 */
export function stepsOf({ steps, epochs, batch, accumulate, rehearse = 0 }: Lasting, items: number): number {
  return steps || Math.ceil(epochs * items / ((batch - rehearse) * accumulate));
}
