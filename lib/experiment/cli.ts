/**
 * Command lines of tasks: flags, overrides of the configuration, help, and errors as one sentence.
 *
 * @module
 */
// @ts-types="./cli.d.ts"
import { parseArgs } from "@std/cli";
import { errorText, UserError } from "../errors.ts";
import { describeConfig, editDistance, type Override, resolveConfig } from "./config.ts";
import { runMissing } from "./pipeline.ts";
import { CONFIG } from "./schema.ts";
import { shardOfEnvironment } from "./shard.ts";
import type { Invocation, TaskInfo } from "./task.ts";
import { clusterOf, runWorkers } from "./workers.ts";

const COMMON_SWITCHES: Readonly<Record<string, string>> = {
  help: "show this",
  "dry-run": "check everything that can be checked, say what would happen, write nothing",
  restart: "start over instead of resuming",
  "allow-missing": "leave out files that are missing or broken, and count them",
};

const COMMON_FLAGS: Readonly<Record<string, string>> = {
  config: "a YAML file (default data/configs/tiny.yaml)",
  run: "the run's folder (default runs/EXPERIMENT/STAGE); a shard adds -i-of-n",
};

/** The configuration that tasks take when none is given. */
export const DEFAULT_CONFIG = "data/configs/tiny.yaml";

/**
 * Parses a command line.
 *
 * @param args arguments after the task's name
 * @param task the task
 * @returns configuration and flags, or undefined when help was shown
 * @throws UserError when an argument is not known
 */
export function parseArguments(args: readonly string[], task: TaskInfo): Invocation | undefined {
  const switches = Object.keys({ ...COMMON_SWITCHES, ...task.switches });
  const named = Object.keys({ ...COMMON_FLAGS, ...task.flags });
  const verb = Object.keys(task.verbs ?? {}).find((name) => name === args[0]);
  const overrides: Override[] = [];
  const names: string[] = [];
  const parsed = parseArgs(verb ? args.slice(1) : args, {
    string: named,
    boolean: switches,
    unknown: (arg, key, value) => {
      if (task.paths && !arg.startsWith("-")) names.push(arg);
      else if (task.names && !arg.startsWith("-")) names.push(knownName(arg, task.names));
      else overrides.push(overrideOf(arg, key, value, [...switches, ...named]));
      return false;
    },
  });
  const flags = Object.fromEntries([
    ...switches.filter((name) => parsed[name] === true).map((name) => [name, ""]),
    ...named.filter((name) => parsed[name] !== undefined).map((name) => [name, valueOf(name, parsed[name])]),
  ]);
  if (flags["bench"] !== undefined) overrides.push({ key: "bench.aurora", value: flags["bench"] });
  if (flags["actions"] !== undefined) overrides.push({ key: "evaluate.actions", value: flags["actions"] });
  if (flags["shard"] === "auto" && !("help" in flags)) flags["shard"] = shardOfEnvironment((name) => Deno.env.get(name));
  const file = flags["config"] ?? DEFAULT_CONFIG;
  if ("help" in flags) return void console.log(helpText(task, file, overrides));
  overrides.forEach((_, i) => requireChange(file, overrides.slice(0, i), overrides[i]!));
  return { config: resolveConfig(file, overrides), flags, overrides, ...(verb && { verb }), ...((task.names || task.paths) && { names }) };
}

function knownName(name: string, names: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(names, name)) return name;
  throw new UserError(`There is no "${name}": choose among ${Object.keys(names).join(", ")}`);
}

function overrideOf(arg: string, key: string | undefined, value: unknown, flags: readonly string[]): Override {
  if (key === undefined || !arg.startsWith("--")) {
    throw new UserError(`Cannot use the argument "${arg}": give --key=value, or --help to see the keys`);
  }
  const meant = misspelt(key, flags);
  if (meant !== undefined) throw new UserError(`There is no flag "--${key}": the nearest is --${meant}, and --help shows all`);
  if (typeof value !== "string") throw new UserError(`Cannot use "${arg}" without a value: give ${arg}=VALUE, or --help to see the flags`);
  return { key, value };
}

/** `--data.aurora=$LIST` with nothing in LIST would train on something else in silence; `--data.epic=` takes out what a config has. */
function requireChange(file: string, before: readonly Override[], { key, value }: Override): void {
  if (value !== "") return;
  const found = key.split(".").reduce<unknown>(
    (at, part) => (at as Record<string, unknown> | undefined)?.[part],
    resolveConfig(file, before),
  );
  if (found === "") throw new UserError(`Cannot use "--${key}=" as it is empty already: give --${key}=VALUE, or leave it out`);
}

/** The flag that a word was meant to be, where no key of the configuration is as near. */
function misspelt(word: string, flags: readonly string[]): string | undefined {
  const [near, distance] = [...Object.keys(CONFIG.shape), ...flags].map((name) => [name, editDistance(name, word)] as const)
    .reduce((best, one) => one[1] < best[1] ? one : best);
  return distance > 0 && distance <= 2 && flags.includes(near) ? near : undefined;
}

function valueOf(name: string, value: unknown): string {
  const text = String([value].flat().at(-1));
  if (text === "") throw new UserError(`Cannot use "--${name}" without a value: give --${name}=VALUE, or --help to see what it takes`);
  return text;
}

/**
 * Runs a task, after the stages that it needs and that are missing. What a user can mend is one sentence on the terminal and exit code 1; a bug keeps its stack.
 *
 * @param task the task
 * @param main what it does
 */
export async function runTask(task: TaskInfo, main: (invocation: Invocation) => Promise<void> | void): Promise<void> {
  try {
    const invocation = parseArguments(Deno.args, task);
    if (!invocation) return;
    await runMissing(task.needs?.(invocation) ?? [], invocation, !clusterOf(task));
    if (await runWorkers(task, invocation, Deno.args)) return;
    await main(invocation);
  } catch (error) {
    console.error(`\n${task.name}: ${errorText(error)}`);
    Deno.exit(1);
  }
}

/** The names in a flag that takes several, separated by commas. */
export function listOf(flag: string | undefined): string[] {
  return (flag ?? "").split(",").filter((name) => name !== "");
}

function helpText(
  { name, about, sections, verbs = {}, names = {}, paths, switches = {}, flags = {} }: TaskInfo,
  file: string,
  overrides: readonly Override[],
): string {
  const line = (left: string, text: string) => `  ${left}`.padEnd(20) + text;
  const list = [
    ...Object.entries({ ...flags, ...COMMON_FLAGS }).map(([flag, text]) => line(`--${flag}=…`, text)),
    ...Object.entries({ ...switches, ...COMMON_SWITCHES }).map(([flag, text]) => line(`--${flag}`, text)),
  ];
  const first = Object.entries({ ...verbs, ...names, ...(paths && { "FILE …": paths }) }).map(([verb, text]) => line(verb, text));
  return [
    `deno task ${name} ${Object.keys(verbs).length > 0 ? `[${Object.keys(verbs).join("|")}] ` : ""}${
      Object.keys(names).length > 0 ? "[NAME …] " : paths ? "FILE … " : ""
    }[--key=value …]`,
    "",
    about,
    "",
    ...(first.length > 0 ? [...first, ""] : []),
    "Flags:",
    ...list,
    "",
    "Configuration in force, with where each value comes from:",
    describeConfig(["experiment", "seed", ...sections], file, overrides),
  ].join("\n");
}
