/**
 * Resolving a configuration: the schema's defaults, a YAML file over them, `--key=value` over that.
 *
 * @module
 */
import { type Document, isMap, isScalar, LineCounter, type ParsedNode, parseDocument } from "yaml";
import { z } from "zod";
import { quoted, UserError } from "../errors.ts";
import { exists, LARGEST, readText } from "../files.ts";
import { CONFIG, type Config } from "./schema.ts";
import { NAME, wantedAt } from "./wanted.ts";

/** A `--key=value` of the command line. */
export interface Override {
  /** The key, dotted. */
  readonly key: string;
  /** Its value as text. */
  readonly value: string;
}

/** A parsed YAML file. */
interface YamlFile {
  readonly path: string;
  readonly document: Document.Parsed;
  readonly values: Record<string, unknown>;
  /** The line of a key, or of the innermost section of it that the file has. */
  readonly lineOf: (path: readonly string[]) => number | undefined;
}

/**
 * Resolves a configuration.
 *
 * @param file a YAML file, or undefined for the defaults
 * @param overrides what the command line sets
 * @returns every key with its value
 * @throws UserError naming file, line, key and the nearest key, when a key is unknown or a value is of another type
 *
 * @example Defaults with one key changed
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const config = ws.resolveConfig(undefined, [{ key: "cwm.lr", value: "1e-4" }]);
 * assertEquals(config.cwm.lr, 1e-4);
 * ```
 */
export function resolveConfig(file: string | undefined, overrides: readonly Override[]): Config {
  const yaml = file === undefined ? undefined : readYaml(file);
  const values = yaml?.values ?? {};
  for (const { key, value } of overrides) set(values, key, value);
  const parsed = CONFIG.safeParse(values);
  if (parsed.success) return parsed.data;
  throw new UserError(issueText(parsed.error.issues[0]!, values, yaml, overrides));
}

/** What is said of the first thing that the schema finds. */
function issueText(issue: z.core.$ZodIssue, values: unknown, yaml: YamlFile | undefined, overrides: readonly Override[]): string {
  const unknown = issue.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  const path = [...issue.path.map(String), ...(unknown === undefined ? [] : [unknown])];
  const override = overrideOf(path, overrides);
  if (issue.code === "invalid_key") {
    return `Cannot use ${quoted(path.at(-1))} as a name in ${quoted(path.slice(0, -1).join("."))}: give ${NAME}`;
  }
  if (unknown === undefined) return valueText(path, values, override, yaml);
  const where = override === undefined ? placeIn(yaml, path) : `--${override.key}`;
  const [near, section] = nearestKey(path);
  return `${where}: there is no key ${quoted(path.join("."))}; the nearest is "${near}"${section}`;
}

/** What is said of a value that its key cannot take: what was found, where, and what is wanted. */
function valueText(path: readonly string[], values: unknown, override: Override | undefined, yaml: YamlFile | undefined): string {
  const [key, wanted] = [path.join("."), wantedAt(path)];
  if (override === undefined) {
    return `${placeIn(yaml, path)}: Cannot use ${foundAt(values, path)} for ${quoted(key)}: give ${wanted}`;
  }
  const what = override.key === key ? "give" : `${quoted(key)} takes`;
  return `Cannot use ${quoted(`--${override.key}=${override.value}`)}: ${what} ${wanted}`;
}

/** A value as a message names it. */
function foundAt(values: unknown, path: readonly string[]): string {
  const value = path.reduce((at, part) => (at as Record<string, unknown> | null | undefined)?.[part], values);
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "a section" : quoted(value);
}

/**
 * The keys of some sections with the values in force, where each comes from, and what it is for: what `--help` prints.
 *
 * @param sections names of sections, or of keys outside them
 * @param file the YAML file in force, or undefined for none
 * @param overrides what the command line sets
 * @returns a line for each key
 */
export function describeConfig(sections: readonly string[], file?: string, overrides: readonly Override[] = []): string {
  const config = resolveConfig(file, overrides) as Record<string, unknown>;
  const document = file === undefined ? undefined : readYaml(file).document;
  const name = file?.split("/").at(-1);
  const originOf = (path: string) => {
    if (overrides.some(({ key }) => key === path || path.startsWith(`${key}.`))) return "command line";
    return document?.hasIn(path.split(".")) ? name : "default";
  };
  const lines: string[] = [];
  for (const section of sections) {
    for (const { path, value, about } of leavesOf(CONFIG.shape[section as "seed"], config[section], section)) {
      lines.push(`  --${path}=${JSON.stringify(value)}  (${originOf(path)})${about ? `  ${about}` : ""}`);
    }
  }
  return lines.join("\n");
}

/** All dotted keys. */
export function configKeys(): string[] {
  return leavesOf(CONFIG, undefined, "").map(({ path }) => path);
}

/** A key that holds a value, not a section. */
interface Leaf {
  readonly path: string;
  readonly value: unknown;
  readonly about: string | undefined;
}

function leavesOf(schema: unknown, value: unknown, path: string): Leaf[] {
  const shape = shapeOf(schema);
  if (!shape) return [{ path, value, about: (schema as { description?: string }).description }];
  const values = value as Record<string, unknown> | undefined;
  return Object.entries(shape).flatMap(([key, inner]) => leavesOf(inner, values?.[key], path === "" ? key : `${path}.${key}`));
}

function readYaml(path: string): YamlFile {
  if (!exists(path)) throw new UserError(`Cannot read the config ${path}: give the path of a YAML file, such as data/configs/tiny.yaml`);
  const lines = new LineCounter();
  const document = parseDocument(readText(path, LARGEST.config), { lineCounter: lines });
  const [error] = document.errors;
  if (error) throw new UserError(`${path}:${error.linePos?.[0].line ?? 1}: the YAML is broken: ${quoted(error.message.split("\n")[0])}`);
  const values = valuesOf(document, path);
  const lineOf = (keys: readonly string[]) => {
    const offset = offsetOf(document.contents, keys);
    return offset === undefined ? undefined : lines.linePos(offset).line;
  };
  return { path, document, values, lineOf };
}

function valuesOf(document: Document.Parsed, path: string): Record<string, unknown> {
  let values: unknown;
  try {
    values = document.toJS() ?? {};
  } catch { // aliases that expand without end
    throw new UserError(`${path}:1: the YAML expands to too many aliases: write the values out`);
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new UserError(`${path}:1: the file must hold keys and values`);
  }
  return values as Record<string, unknown>;
}

/** Where the innermost known part of a key stands in a YAML file. */
function offsetOf(node: ParsedNode | null, [key, ...rest]: readonly string[]): number | undefined {
  if (!isMap(node)) return;
  const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
  if (!pair) return;
  const own = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
  return rest.length === 0 ? own : offsetOf(pair.value as ParsedNode | null, rest) ?? own;
}

function set(values: Record<string, unknown>, key: string, text: string): void {
  const parts = key.split(".");
  let at = values;
  for (const part of parts.slice(0, -1)) {
    const next = Object.hasOwn(at, part) ? at[part] : undefined;
    at = (Object.hasOwn(at, part) && typeof next === "object" && next !== null ? next : at[part] = {}) as Record<string, unknown>;
  }
  at[parts.at(-1)!] = valueOf(text);
}

function valueOf(text: string): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 || text === "" ? text : document.toJS();
}

/** What the command line sets of a key, of its section, or below it; undefined where it sets nothing. */
function overrideOf(path: readonly string[], overrides: readonly Override[]): Override | undefined {
  const key = path.join(".");
  return overrides.find((one) => one.key === key || key.startsWith(`${one.key}.`) || one.key.startsWith(`${key}.`));
}

function placeIn(yaml: YamlFile | undefined, path: readonly string[]): string {
  const line = yaml?.lineOf(path);
  return [yaml?.path ?? "the defaults", ...(line ? [line] : [])].join(":");
}

function nearestKey(path: readonly string[]): [key: string, section: string] {
  const wanted = path.at(-1)!;
  const keys = configKeys();
  const names = [...new Set(keys.flatMap((key) => key.split(".").map((_, i, parts) => parts.slice(0, i + 1).join("."))))];
  const own = path.slice(0, -1).join(".");
  const cost = (key: string) => {
    const parts = key.split(".");
    return editDistance(parts.at(-1)!, wanted) + (parts.slice(0, -1).join(".") === own ? 0 : key.startsWith(`${own}.`) ? 0.25 : 0.5);
  };
  const near = names.reduce((best, key) => cost(key) < cost(best) ? key : best);
  const section = near.split(".").slice(0, -1).join(".");
  return [near, section === "" ? "" : ` in section "${section}"`];
}

/** How many letters must be put in, taken out or changed to make one word the other (Levenshtein 1966). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1)!;
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  let at = schema;
  while (at instanceof z.ZodDefault || at instanceof z.ZodPrefault) at = at.unwrap();
  return at instanceof z.ZodObject ? at.shape : undefined;
}
