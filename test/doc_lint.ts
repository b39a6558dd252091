/**
 * `deno doc --lint` for our own files: it also walks into TensorFlow.js's types, which are not ours to document.
 *
 * @module
 */
const EXEMPT = /lib\/experiment\/(schema|results)\.ts/; // their types are inferred from schemas: writing both would let them differ

/** The areas that mod.ts exports as namespaces: a type of one may stand in a signature of another. */
const areas = [...Deno.readTextFileSync("mod.ts").matchAll(/^export \* as \w+ from "\.\/(.+)"/gm)].map(([, path]) => path!);

const { stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", "mod.ts", ...areas],
  stdout: "null",
  stderr: "piped",
  env: { NO_COLOR: "1" },
})
  .output();
const errors = new TextDecoder().decode(stderr).split(/\n(?=error\[)/).filter((text) => text.startsWith("error["));
const ours = errors.filter((text) => /--> \S*\/(lib\/|mod\.ts)/.test(text) && !EXEMPT.test(text));
console.log(ours.length === 0 ? "Every public symbol is documented" : ours.join("\n"));
Deno.exit(ours.length === 0 ? 0 : 1);
