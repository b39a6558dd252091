/**
 * Measures how the code reads: lengths, circles of imports, casts, shape comments, tests. Give it several checkouts to compare:
 *
 * ```sh
 * deno run -A test/measure.ts [--json] [ROOT …]
 * ```
 *
 * @module
 */
import ts from "typescript";

/** A parsed file. */
interface Source {
  /** Its path from the root. */
  readonly path: string;
  /** Its lines. */
  readonly lines: readonly string[];
  /** Its syntax tree. */
  readonly tree: ts.SourceFile;
}

/** A number with what a reader wants to look up. */
export interface Measure {
  /** What is measured. */
  readonly name: string;
  /** The result, as it stands in the table. */
  readonly value: string;
  /** Where to look, one line each. */
  readonly list?: readonly string[];
}

/**
 * Measures a checkout.
 *
 * @param root its folder
 * @returns the measures in a fixed order, so that two checkouts can stand side by side
 */
export async function measure(root: string): Promise<Measure[]> {
  const lib = readSources(root, "lib");
  const tasks = readSources(root, "tasks");
  const all = [...lib, ...tasks, ...readSources(root, "bench")];
  const { mirrored, untested } = mirroredTests(root, lib);
  return [
    { name: "files in lib", value: `${lib.length}` },
    { name: "lines in lib", value: `${sum(lib.map(lengthOf))}` },
    fileLengths(lib),
    functionLengths("lib", lib),
    functionLengths("tasks", tasks),
    listed("circles of imports between files", circlesOf(root, all).map((circle) => circle.join(" ↔ "))),
    listed("functions with more than five positional parameters", [...lib, ...tasks].flatMap(longParameterLists)),
    { name: "names exported by mod.ts", value: await countExports(root) },
    ...countCasts(lib),
    shapeComments(root),
    jumpsToAttention(all),
    examples(lib),
    {
      ...listed("files in lib without a mirrored test", untested),
      value: `${untested.length} of ${mirrored.length}`,
    },
  ];
}

/**
 * Files of `lib/` that should have a test of their own, and those without one at the mirrored path. Barrels and declarations of
 * types need none.
 *
 * @param root a checkout
 * @param lib its files, where they are parsed already
 * @returns paths from the root, sorted
 */
export function mirroredTests(
  root: string,
  lib: readonly { readonly path: string }[] = readSources(root, "lib"),
): { readonly mirrored: readonly string[]; readonly untested: readonly string[] } {
  const mirrored = lib.map(({ path }) => path).filter((path) => !/(^|\/)mod\.ts$|\.d\.ts$/.test(path)).sort();
  const testOf = (path: string) => `${root}/${path.replace(/^lib/, "test").replace(/\.ts$/, "_test.ts")}`;
  return { mirrored, untested: mirrored.filter((path) => !exists(testOf(path))) };
}

function readSources(root: string, path: string): Source[] {
  if (!exists(`${root}/${path}`)) return [];
  if (Deno.statSync(`${root}/${path}`).isFile) return path.endsWith(".ts") ? [readSource(root, path)] : [];
  const names = [...Deno.readDirSync(`${root}/${path}`)].map(({ name }) => name).sort();
  return names.filter((name) => !name.startsWith(".")).flatMap((name) => readSources(root, `${path}/${name}`));
}

function readSource(root: string, path: string): Source {
  const text = Deno.readTextFileSync(`${root}/${path}`);
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return { path, lines: text.replace(/\n$/, "").split("\n"), tree };
}

/** All nodes of a tree, parents first. */
function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) yield* nodesOf(child);
}

function lineOf(node: ts.Node): number {
  return node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line; // from 0
}

function lastLineOf(node: ts.Node): number {
  return node.getSourceFile().getLineAndCharacterOfPosition(node.getEnd()).line;
}

function lengthOf({ lines }: Source): number {
  return lines.length;
}

function fileLengths(sources: readonly Source[]): Measure {
  const [longest] = sources.toSorted((a, b) => lengthOf(b) - lengthOf(a));
  return {
    name: "file length in lib, median / max",
    value: `${quantile(sources.map(lengthOf), 0.5)} / ${longest ? lengthOf(longest) : 0}`,
  };
}

/** A function that has a name: nested callbacks count as lines of the function around them. */
type NamedFunction = ts.FunctionLikeDeclaration;

function functionsOf({ tree }: Source): { readonly name: string; readonly node: NamedFunction }[] {
  return [...nodesOf(tree)].flatMap((node) => {
    const isNamed = ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node) || ts.isConstructorDeclaration(node);
    if (isNamed && node.body) return [{ name: node.name?.getText() ?? "constructor", node }];
    const value = ts.isVariableDeclaration(node) && node.parent.parent.parent === tree ? functionIn(node.initializer) : undefined;
    return value ? [{ name: (node as ts.VariableDeclaration).name.getText(), node: value }] : [];
  });
}

/** The function that a variable holds, also one wrapped in a call: `compile((x) => …)`. */
function functionIn(value: ts.Expression | undefined): NamedFunction | undefined {
  if (!value) return;
  if (ts.isArrowFunction(value) || ts.isFunctionExpression(value)) return value;
  const [first] = ts.isCallExpression(value) ? value.arguments : [];
  return first && (ts.isArrowFunction(first) || ts.isFunctionExpression(first)) ? first : undefined;
}

function functionLengths(folder: string, sources: readonly Source[]): Measure {
  const found = sources.flatMap((source) =>
    functionsOf(source).map(({ name, node }) => ({
      length: lastLineOf(node) - lineOf(node) + 1,
      place: `${name} (${source.path}:${lineOf(node) + 1})`,
    }))
  ).toSorted((a, b) => b.length - a.length);
  const lengths = found.map(({ length }) => length);
  return {
    name: `function length in ${folder}, median / 90 % / max`,
    value: `${quantile(lengths, 0.5)} / ${quantile(lengths, 0.9)} / ${lengths[0] ?? 0}`,
    list: found.slice(0, 5).map(({ length, place }) => `${length} lines: ${place}`),
  };
}

function longParameterLists(source: Source): string[] {
  return functionsOf(source).filter(({ node }) => node.parameters.length > 5)
    .map(({ name, node }) => `${name} (${source.path}:${lineOf(node) + 1}): ${node.parameters.length}`);
}

/** An import of a file of the project. */
interface Import {
  /** The file, from the root. */
  readonly target: string;
  /** The names that are imported, in that file and in this one. */
  readonly names: readonly { readonly here: string; readonly there: string }[];
  /** Whether all of it is passed on: `export * from`. */
  readonly passedOn: boolean;
}

function importsOf({ path, tree }: Source): Import[] {
  return [...nodesOf(tree)].flatMap((node): Import[] => {
    const specifier = specifierOf(node);
    if (!specifier?.startsWith(".")) return [];
    const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
    return [{ target, names: ts.isImportDeclaration(node) ? importedNames(node) : [], passedOn: ts.isExportDeclaration(node) }];
  });
}

function specifierOf(node: ts.Node): string | undefined {
  const from = ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
    ? node.moduleSpecifier
    : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
    ? node.argument.literal
    : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
    ? node.arguments[0]
    : undefined;
  return from && ts.isStringLiteral(from) ? from.text : undefined;
}

function importedNames({ importClause }: ts.ImportDeclaration): Import["names"] {
  const bindings = importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings)) return [];
  return bindings.elements.map(({ name, propertyName }) => ({ here: name.text, there: (propertyName ?? name).text }));
}

/** Groups of files that import each other, type-only imports included (Tarjan 1972). */
function circlesOf(root: string, sources: readonly Source[]): string[][] {
  const targets = new Map(sources.map((source) => [source.path, importsOf(source).map(({ target }) => target)]));
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string) => {
    index.set(path, index.size);
    low.set(path, index.get(path)!);
    stack.push(path);
    for (const next of targets.get(path) ?? []) {
      if (!exists(`${root}/${next}`)) continue;
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(path, Math.min(low.get(path)!, low.get(next)!));
    }
    if (low.get(path) !== index.get(path)) return;
    const group = stack.splice(stack.indexOf(path));
    if (group.length > 1 || targets.get(path)?.includes(path)) circles.push(group.sort());
  };
  for (const { path } of sources) if (!index.has(path)) visit(path);
  return circles;
}

async function countExports(root: string): Promise<string> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), { args: ["doc", "--json", "mod.ts"], cwd: root, stderr: "null" })
    .output();
  if (code !== 0) return "unknown";
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as { nodes: Record<string, { symbols: unknown[] }> };
  return `${sum(Object.values(nodes).map(({ symbols }) => symbols.length))}`;
}

function countCasts(sources: readonly Source[]): Measure[] {
  const nodes = sources.flatMap(({ tree }) => [...nodesOf(tree)]);
  const casts = nodes.filter(ts.isAsExpression);
  const isKind = (node: ts.Expression, kind: ts.SyntaxKind) => ts.isAsExpression(node) && node.type.kind === kind;
  return [
    {
      name: "`as unknown as` in lib",
      value: `${casts.filter(({ expression }) => isKind(expression, ts.SyntaxKind.UnknownKeyword)).length}`,
    },
    { name: "`as never` in lib", value: `${casts.filter((node) => isKind(node, ts.SyntaxKind.NeverKeyword)).length}` },
    { name: "non-null `!` in lib", value: `${nodes.filter(ts.isNonNullExpression).length}` },
  ];
}

const SHAPE_FOLDERS = ["lib/nn", "lib/model", "lib/tensor/nn.ts", "lib/tensor/prompt_attention.ts"]; // the last two: before lib/nn
const SHAPE_CALLS =
  /^(?:tf\.(?:reshape|transpose|expandDims|squeeze|concat|slice|stridedSlice|tile|gather|stack|unstack|split|matMul|pad|conv2d|oneHot|einsum|image\.\w+)|matMul|linear|splitHeads|joinHeads|embed)$/;

/** Lines on which a shape changes, and how many of these, or the statement's last line, end in a shape comment. */
function shapeComments(root: string): Measure {
  const lines = SHAPE_FOLDERS.flatMap((folder) => readSources(root, folder)).flatMap((source) => {
    const calls = [...nodesOf(source.tree)].filter(ts.isCallExpression).filter(({ expression }) => SHAPE_CALLS.test(expression.getText()));
    const byLine = new Map(calls.map((call) => [lineOf(call), call]));
    return [...byLine].map(([line, call]) => ({
      place: `${source.path}:${line + 1}`,
      isSaid: [line, lastLineOf(call), lastLineOf(statementOf(call))].some((at) => /\/\/.*\[[^\]]*\]/.test(source.lines[at]!)),
    }));
  });
  const bare = lines.filter(({ isSaid }) => !isSaid).map(({ place }) => place);
  return {
    name: "lines that change a shape and say it in a comment",
    value: `${lines.length - bare.length} of ${lines.length} (${percent(lines.length - bare.length, lines.length)})`,
    list: bare,
  };
}

function statementOf(node: ts.Node): ts.Node {
  return ts.isStatement(node) || !node.parent ? node : statementOf(node.parent);
}

/** A declaration of a function or a constant. */
interface Place {
  /** Its file. */
  readonly path: string;
  /** Its name there. */
  readonly name: string;
}

/** The shortest way by names from training the world model to the attention. A jump is a name defined in another file. */
function jumpsToAttention(sources: readonly Source[]): Measure {
  const measure = "jumps from tasks/train_cwm.ts to the attention";
  const byPath = new Map(sources.map((source) => [source.path, namesIn(source)]));
  const target = [...byPath.values()].some(({ declared }) => declared.has("causalAttention")) ? "causalAttention" : "attention";
  const ways: Place[][] = [[{ path: "tasks/train_cwm.ts", name: "main" }]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way; way = ways.shift()) {
    const { path, name } = way.at(-1)!;
    if (name === target) {
      const files = way.filter((place, i) => place.path !== way[i - 1]?.path).map((place) => place.path);
      return { name: measure, value: `${files.length - 1}`, list: [files.join(" → ")] };
    }
    if (seen.has(`${path} ${name}`)) continue;
    seen.add(`${path} ${name}`);
    for (const next of usedBy(byPath, { path, name })) {
      if (next.path === path) ways.unshift([...way, next]); // no jump: looked at before all that is farther away
      else ways.push([...way, next]);
    }
  }
  return { name: measure, value: "none found" };
}

/** What a file declares, what it imports, and the files that it passes on. */
interface Names {
  readonly declared: ReadonlyMap<string, ts.Node>;
  readonly imported: ReadonlyMap<string, Place>;
  readonly passedOn: readonly string[];
}

function namesIn(source: Source): Names {
  const declared = source.tree.statements.flatMap((statement): (readonly [string, ts.Node])[] => {
    if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map((one) => [one.name.getText(), one]);
    return ts.isFunctionDeclaration(statement) && statement.name ? [[statement.name.text, statement]] : [];
  });
  const imports = importsOf(source);
  const imported = imports.flatMap(({ target, names }) => names.map(({ here, there }) => [here, { path: target, name: there }] as const));
  return {
    declared: new Map(declared),
    imported: new Map(imported),
    passedOn: imports.filter(({ passedOn }) => passedOn).map(({ target }) => target),
  };
}

function usedBy(byPath: ReadonlyMap<string, Names>, { path, name }: Place): Place[] {
  const { declared, imported } = byPath.get(path)!;
  const node = declared.get(name);
  const used = node ? [...nodesOf(node)].filter(ts.isIdentifier).filter((one) => !isProperty(one)).map(({ text }) => text) : [];
  return [...new Set(used)].flatMap((one) => declared.has(one) ? [{ path, name: one }] : definition(byPath, imported.get(one)) ?? []);
}

function isProperty(node: ts.Identifier): boolean {
  return ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
}

/** Where a name is declared, looked up through the files that only pass it on. */
function definition(byPath: ReadonlyMap<string, Names>, place: Place | undefined): Place | undefined {
  const names = place && byPath.get(place.path);
  if (!place || !names) return;
  if (names.declared.has(place.name)) return place;
  return names.passedOn.map((path) => definition(byPath, { path, name: place.name })).find((found) => found !== undefined);
}

function examples(sources: readonly Source[]): Measure {
  const exported = sources.flatMap(({ tree }) => [...tree.statements]).filter(ts.isFunctionDeclaration)
    .filter(({ modifiers }) => modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword));
  const shown = exported.filter((node) => ts.getJSDocTags(node).some(({ tagName }) => tagName.text === "example"));
  return {
    name: "exported functions in lib with an @example",
    value: `${shown.length} of ${exported.length} (${percent(shown.length, exported.length)})`,
  };
}

function listed(name: string, list: readonly string[]): Measure {
  return { name, value: `${list.length}`, list };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function percent(part: number, whole: number): string {
  return `${Math.round(100 * part / Math.max(1, whole))} %`;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The measures of checkouts side by side, and below them what each lists. */
export function asMarkdown(roots: readonly string[], measured: readonly (readonly Measure[])[]): string {
  const rows = measured[0]!.map(({ name }, i) => `| ${name} | ${measured.map((own) => own[i]!.value).join(" | ")} |`);
  const head = [`| measure | ${roots.join(" | ")} |`, `| --- |${roots.map(() => " --- |").join("")}`];
  const lists = measured.flatMap((own, i) =>
    own.filter(({ list }) => list && list.length > 0).map(({ name, list }) =>
      `\n**${roots.length > 1 ? `${roots[i]}: ` : ""}${name}**\n\n${list!.map((line) => `- ${line}`).join("\n")}`
    )
  );
  return [...head, ...rows, ...lists].join("\n");
}

if (import.meta.main) {
  const paths = Deno.args.filter((arg) => !arg.startsWith("--"));
  const roots = paths.length > 0 ? paths : ["."];
  const measured = await Promise.all(roots.map((root) => measure(root)));
  const text = Deno.args.includes("--json")
    ? JSON.stringify(Object.fromEntries(roots.map((root, i) => [root, measured[i]])), null, 2)
    : asMarkdown(roots, measured);
  console.log(text);
}
