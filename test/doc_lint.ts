/**
 * Whether the library is documented: `deno doc --lint` for our own files (it also walks into TensorFlow.js's types, which are not
 * ours), and for every public function its parameters, what it returns, and an example.
 *
 * @module
 */
const EXEMPT = /lib\/experiment\/(schema|results)\.ts/; // their types are inferred from schemas: writing both would let them differ

/** A part of a signature's type, as `deno doc --json` tells it. */
interface Type {
  readonly repr: string;
  readonly value?: { readonly typeParams?: readonly Type[] };
}

/** A symbol's declaration, as `deno doc --json` tells it. */
interface Declaration {
  readonly kind: string;
  readonly location: { readonly filename: string; readonly line: number };
  readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] };
  readonly def?: { readonly params: readonly unknown[]; readonly returnType?: Type };
}

/** The areas that mod.ts exports as namespaces: a type of one may stand in a signature of another. */
const areas = [...Deno.readTextFileSync("mod.ts").matchAll(/^export \* as \w+ from "\.\/(.+)"/gm)].map(([, path]) => path!);

async function denoDoc(...args: string[]): Promise<{ readonly out: string; readonly complaints: string }> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args: ["doc", ...args], env: { NO_COLOR: "1" } }).output();
  const [out, complaints] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { out: out!, complaints: complaints! };
}

async function lintProblems(): Promise<string[]> {
  const { complaints } = await denoDoc("--lint", "mod.ts", ...areas);
  const errors = complaints.split(/\n(?=error\[)/).filter((text) => text.startsWith("error["));
  return errors.filter((text) => /--> \S*\/(lib\/|mod\.ts)/.test(text) && !EXEMPT.test(text));
}

async function incompleteFunctions(): Promise<string[]> {
  const { nodes } = JSON.parse((await denoDoc("--json", ...areas)).out) as {
    nodes: Record<string, { symbols: { name: string; declarations: Declaration[] }[] }>;
  };
  const symbols = Object.values(nodes).flatMap((module) => module.symbols);
  return symbols.flatMap(({ name, declarations }) =>
    declarations.filter(({ kind }) => kind === "function").flatMap((declaration) => {
      const { filename, line } = declaration.location;
      const lacking = lacks(declaration);
      return lacking.length === 0 ? [] : [`${filename.replace(/.*\/lib\//, "lib/")}:${line}: ${name}() lacks ${lacking.join(", ")}`];
    })
  );
}

function lacks({ jsDoc, def }: Declaration): string[] {
  const tags = (jsDoc?.tags ?? []).map(({ kind }) => kind);
  const returned = def?.returnType?.repr === "Promise" ? def.returnType.value?.typeParams?.[0]?.repr : def?.returnType?.repr;
  return [
    ...(tags.includes("example") ? [] : ["@example"]),
    ...(tags.filter((tag) => tag === "param").length < (def?.params.length ?? 0) ? ["@param"] : []),
    ...(tags.includes("return") || returned === "void" ? [] : ["@returns"]),
  ];
}

const problems = [...await lintProblems(), ...new Set(await incompleteFunctions())];
console.log(problems.length === 0 ? "Every public symbol is documented, every public function with an example" : problems.join("\n"));
Deno.exit(problems.length === 0 ? 0 : 1);
