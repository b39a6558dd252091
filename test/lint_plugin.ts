/**
 * Our own lint rules: where TensorFlow.js may be imported, no hidden randomness, no default exports, and the direction of
 * imports between the library's areas.
 *
 * @module
 */

/** The library's areas; an area may import from those before it, and from itself. */
export const AREAS: readonly string[] = [
  "engine",
  "nn",
  "model",
  "tokens",
  "trajectories",
  "world",
  "sample",
  "metrics",
  "llm",
  "video",
  "synthesis",
  "probe",
  "train",
  "judge",
  "gates",
  "human",
  "experiment",
  "report",
  "pretrain",
];

/** Files of `lib/` that every area may import. */
export const BASE_FILES: readonly string[] = ["errors.ts", "files.ts", "csv.d.ts", "yaml.d.ts"];

/** The area of a path: "" for files of `lib/` itself, undefined outside it. */
export function areaOf(path: string): string | undefined {
  const match = /\/lib\/(?:(\w+)\/)?[\w.]+\.ts$/.exec(path);
  return match ? match[1] ?? "" : undefined;
}

/** Why an import breaks the order of areas, or undefined when it does not. */
export function importProblem(from: string, source: string): string | undefined {
  const area = areaOf(from);
  if (!source.startsWith(".") || !area || source.endsWith("/deno.json")) return; // the project's version stands there once
  const target = new URL(source, `file://${from}`).pathname;
  const to = areaOf(target);
  if (to === undefined) return `lib/${area} may import from lib alone, found "${source}"`;
  if (to === "") {
    return BASE_FILES.some((file) => target.endsWith(`/lib/${file}`)) ? undefined : `lib/${area} may not import "${source}" from above it`;
  }
  if (AREAS.indexOf(to) > AREAS.indexOf(area)) return `lib/${area} may not import from lib/${to}, which comes after it`;
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
    "import-direction": {
      create: (context) => ({
        ImportDeclaration(node) {
          const problem = importProblem(context.filename, node.source.value);
          if (problem) context.report({ node, message: problem });
        },
      }),
    },
  },
};

export default plugin;
