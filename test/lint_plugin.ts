/**
 * Our own lint rules: where TensorFlow.js may be imported, no hidden randomness, no default exports, the direction of imports
 * between the library's areas, no circle of imports between files, and no task that imports another.
 *
 * @module
 */

/** The library's areas; an area may import from those before it, and from itself. */
export const AREAS: readonly string[] = [
  "engine",
  "nn",
  "model",
  "tokens",
  "convert",
  "trajectories",
  "world",
  "sample",
  "metrics",
  "llm",
  "video",
  "provenance",
  "synthesis",
  "fetch",
  "probe",
  "train",
  "judge",
  "gates",
  "web",
  "human",
  "queue",
  "experiment",
  "report",
  "serve",
  "pretrain",
];

/** Files of `lib/` that every area may import. */
export const BASE_FILES: readonly string[] = ["errors.ts", "files.ts", "csv.ts", "yaml.d.ts"];

/** The area of a path: "" for files of `lib/` itself, undefined outside it. */
export function areaOf(path: string): string | undefined {
  const match = /\/lib\/(?:(\w+)\/)?[\w.]+\.ts$/.exec(path);
  return match ? match[1] ?? "" : undefined;
}

/** Why an import breaks the order of areas, or undefined when it does not. */
export function importProblem(from: string, source: string): string | undefined {
  const area = areaOf(from);
  if (!source.startsWith(".") || !area || source.endsWith("/deno.json")) return; // the project's version stands there once
  const target = resolve(from, source);
  const to = areaOf(target);
  if (to === undefined) return `lib/${area} may import from lib alone, found "${source}"`;
  if (to === "") {
    return BASE_FILES.some((file) => target.endsWith(`/lib/${file}`)) ? undefined : `lib/${area} may not import "${source}" from above it`;
  }
  if (AREAS.indexOf(to) > AREAS.indexOf(area)) return `lib/${area} may not import from lib/${to}, which comes after it`;
}

/**
 * The circle of imports that an import closes, type-only imports included.
 *
 * @param from the importing file
 * @param source what it imports
 * @returns the files on the way, from the importing one back to itself; undefined when there is no circle
 */
export function circleThrough(from: string, source: string): string[] | undefined {
  if (!source.startsWith(".")) return;
  const ways = [[from, resolve(from, source)]];
  const seen = new Set<string>();
  for (const way of ways) {
    const last = way.at(-1)!;
    if (last === from) return way;
    if (seen.has(last)) continue;
    seen.add(last);
    ways.push(...importsOf(last).map((next) => [...way, next]));
  }
}

const IMPORTS = new Map<string, readonly string[]>(); // a process lints each file once, and reads it many times without this

/** The files that a file imports. Only statements at the beginning of a line count, so that examples in comments do not. */
function importsOf(path: string): readonly string[] {
  const known = IMPORTS.get(path);
  if (known) return known;
  const text = path.endsWith(".ts") ? readOrEmpty(path) : "";
  const found = [...text.matchAll(/^(?:import|export)\b(?:[^;"]*\bfrom)? "(\.[^"]+)"|^(?! \*).*\bimport\("(\.[^"]+)"\)/gm)];
  const imports = found.map(([, from, called]) => resolve(path, from ?? called!));
  IMPORTS.set(path, imports);
  return imports;
}

function readOrEmpty(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // deno check says what is not there
  }
}

function resolve(from: string, source: string): string {
  return new URL(source, `file://${from}`).pathname;
}

/** What is wrong with an import that closes a circle, with files by their names from the project's root. */
export function circleProblem(from: string, source: string): string | undefined {
  const circle = circleThrough(from, source);
  return circle && `This closes a circle of imports: ${circle.map((path) => path.replace(ROOT, "")).join(" → ")}`;
}

const ROOT = new URL("..", import.meta.url).pathname;

/** Why a task may not import a file, or undefined when it may. */
export function taskProblem(from: string, source: string): string | undefined {
  const isTask = (path: string) => /\/tasks\/[\w.]+\.ts$/.test(path);
  if (source.startsWith(".") && isTask(from) && isTask(resolve(from, source))) {
    return `A task may not import another, found "${source}": what both need belongs to lib`;
  }
}

/** Calls back for every import and every export of another file's names. */
function onImports(context: Deno.lint.RuleContext, problemOf: (from: string, source: string) => string | undefined): Deno.lint.LintVisitor {
  const look = (node: Deno.lint.ImportDeclaration | Deno.lint.ExportAllDeclaration | Deno.lint.ExportNamedDeclaration) => {
    const problem = node.source && problemOf(context.filename, node.source.value);
    if (problem) context.report({ node, message: problem });
  };
  return { ImportDeclaration: look, ExportAllDeclaration: look, ExportNamedDeclaration: look };
}

const plugin: Deno.lint.Plugin = {
  name: "worldstrap",
  rules: {
    "tensorflow-in-engine": {
      create: (context) => ({
        ImportDeclaration(node) {
          const outside = areaOf(context.filename) !== "engine";
          if (outside && /@tensorflow\//.test(node.source.value)) {
            context.report({ node, message: "Import TensorFlow.js in lib/engine alone; elsewhere take what lib/engine/mod.ts gives" });
          }
        },
      }),
    },
    "no-math-random": {
      create: (context) => ({
        'MemberExpression[object.name="Math"][property.name="random"]'(node: Deno.lint.MemberExpression) {
          context.report({ node, message: "Math.random has no seed: take randomStream() of lib/engine" });
        },
      }),
    },
    "no-default-export": {
      create: (context) => ({
        ExportDefaultDeclaration(node) {
          if (!/plugin/.test(context.filename)) context.report({ node, message: "Export by name: a name can be searched for" });
        },
      }),
    },
    "import-direction": { create: (context) => onImports(context, importProblem) },
    "no-import-circle": { create: (context) => onImports(context, circleProblem) },
    "task-imports-task": { create: (context) => onImports(context, taskProblem) },
  },
};

export default plugin;
