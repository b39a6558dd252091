/**
 * Command lines of tasks: flags, overrides, help, and errors as one sentence.
 *
 * @module
 */
import { printable, UserError } from "../errors.ts";
import { type Config, describeConfig, type Override, resolveConfig } from "./config.ts";

/** A task as the command line sees it. */
export interface TaskInfo {
  /** Its name, as in `deno task NAME`. */
  readonly name: string;
  /** What it does, in a sentence or two. */
  readonly about: string;
  /** Sections of the configuration that it reads. */
  readonly sections: readonly string[];
  /** What may stand before the flags, with what it does. */
  readonly verbs?: Readonly<Record<string, string>>;
  /** Its own flags with what they do. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** A parsed command line. */
export interface Invocation {
  /** The resolved configuration. */
  readonly config: Config;
  /** Flags that were given, with their values ("" for a bare one). */
  readonly flags: Readonly<Record<string, string>>;
  /** What stands before the flags. */
  readonly verb?: string;
  /** What the command line sets of the configuration. */
  readonly overrides: readonly Override[];
}

const COMMON_FLAGS: Readonly<Record<string, string>> = {
  help: "show this",
  config: "a YAML file (default data/configs/tiny.yaml)",
  run: "the run's folder (default runs/EXPERIMENT/STAGE)",
  "dry-run": "check all that can be checked, say what would happen, write nothing",
  restart: "begin anew instead of going on",
  "allow-missing": "leave out files that are missing or broken, with a count",
};

/** The flag of tasks that run earlier stages. */
export const DEPENDENCY_FLAGS: Readonly<Record<string, string>> = {
  "no-deps": "refuse instead of running an earlier stage that is missing",
};

const DEFAULT_CONFIG = "data/configs/tiny.yaml";

/**
 * Parses a command line.
 *
 * @param args arguments after the task's name
 * @param task the task
 * @returns configuration and flags, or undefined when help was shown
 * @throws UserError when an argument is not known
 */
export function parseArguments(args: readonly string[], task: TaskInfo): Invocation | undefined {
  const known = { ...COMMON_FLAGS, ...task.flags };
  const verb = Object.keys(task.verbs ?? {}).find((name) => name === args[0]);
  const flags: Record<string, string> = {};
  const overrides: Override[] = [];
  for (const arg of verb ? args.slice(1) : args) {
    const match = /^--([\w.-]+)(?:=([\s\S]*))?$/.exec(arg);
    if (!match) throw new UserError(`Cannot use the argument "${arg}": give --key=value, or --help to see the keys`);
    const [, name, value] = match as unknown as [string, string, string | undefined];
    if (Object.hasOwn(known, name)) flags[name] = value ?? "";
    else if (value === undefined) throw new UserError(`Cannot use "${arg}" without a value: give ${arg}=VALUE, or --help to see the flags`);
    else overrides.push({ key: name, value });
  }
  if ("help" in flags) return void console.log(helpText(task));
  return { config: resolveConfig(flags["config"] || DEFAULT_CONFIG, overrides), flags, overrides, ...(verb && { verb }) };
}

/**
 * Runs a task's main function: a user's error is one sentence on the terminal and exit code 1.
 *
 * @param task the task
 * @param main what it does
 */
export async function runTask(task: TaskInfo, main: (invocation: Invocation) => Promise<void>): Promise<void> {
  try {
    const invocation = parseArguments(Deno.args, task);
    if (invocation) await main(invocation);
  } catch (error) {
    console.error(`\n${task.name}: ${errorText(error)}`);
    Deno.exit(1);
  }
}

/**
 * What is printed of an error: one sentence of what a user can mend; of anything else, which is a bug, the stack too.
 *
 * @param error what was thrown
 * @returns text for the terminal, control characters escaped
 */
export function errorText(error: unknown): string {
  if (error instanceof UserError) return error.message;
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  return printable(`this is a bug in Worldstrap; please report it with these lines\n${stack}`);
}

/** The names in a flag that takes several, with commas between. */
export function listOf(flag: string | undefined): string[] {
  return (flag ?? "").split(",").filter((name) => name !== "");
}

function helpText({ name, about, sections, verbs = {}, flags = {} }: TaskInfo): string {
  const list = Object.entries({ ...flags, ...COMMON_FLAGS }).map(([flag, text]) => `  --${flag}`.padEnd(20) + text);
  const first = Object.entries(verbs).map(([verb, text]) => `  ${verb}`.padEnd(20) + text);
  return [
    `deno task ${name} ${first.length > 0 ? `[${Object.keys(verbs).join("|")}] ` : ""}[--key=value …]`,
    "",
    about,
    "",
    ...(first.length > 0 ? [...first, ""] : []),
    "Flags:",
    ...list,
    "",
    "Configuration, with its defaults:",
    describeConfig(["experiment", "seed", ...sections]),
  ].join("\n");
}
