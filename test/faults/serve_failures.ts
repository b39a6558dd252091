/**
 * The live page on a disk that fails: each call that writes, and each that reads or looks, fails once, and whoever asks tries again.
 *
 *   deno run -A test/faults/serve_failures.ts [EVERY]
 *
 * With EVERY only each so-manieth call fails.
 *
 * @module
 */
import { decodeImage } from "../../lib/tokens/mod.ts";
import { failing } from "./failing_files.ts";
import { assert, assertEquals } from "../support.ts";
import { png, type TestServer, withServer } from "../serve/light_server.ts";

/** Somebody who does everything that the page can, and tries again when it fails: the tree, and how often it failed. */
async function useEverything({ ask, work, folder }: TestServer): Promise<{ tree: string; kept: number[]; failures: string[] }> {
  const failures: string[] = [];
  const kept: number[] = [];
  const persist = async (send: () => Promise<Response>) => {
    for (;;) {
      const response = await send();
      const bytes = await response.bytes();
      const type = response.headers.get("content-type")!;
      const text = type.includes("json") ? new TextDecoder().decode(bytes).trim() : "{}";
      const told = type.includes("ndjson") ? text.split("\n").at(-1)! : text;
      const { error, nodes = [] } = JSON.parse(told) as { error?: string; nodes?: { id: number }[] };
      assert(error !== undefined || response.ok);
      if (error === undefined) {
        kept.push(...nodes.map(({ id }) => id));
        return JSON.parse(told);
      }
      assert(/^[A-Z][^\n]*\.$/.test(error) && !error.includes(folder), error);
      failures.push(error);
    }
  };
  const asked = (path: string, body: object) =>
    persist(async () => {
      const response = ask(path, body);
      const first = await Promise.race([response, work()]); // a question that was refused leaves no work
      return first instanceof Response ? first : await response;
    });
  const { tree } = await persist(() => ask("/api/trees", {}));
  const at = `/api/trees/${tree}`;
  await persist(() => ask(`${at}/pictures`, png));
  await persist(() => ask(`${at}/pictures`, { example: 0 }));
  await asked(`${at}/imagine`, { parent: 0, action: "open it", seed: 7 });
  const last = Math.max(...kept);
  await asked(`${at}/describe`, { before: 0, after: last });
  await persist(() => ask(`${at}/examples`, { before: 0, after: last, action: "open it" }));
  for (const kind of ["strip.png", "gif", "mp4", "png", "weights.png"]) await persist(() => ask(`/tree/${tree}/${last}.${kind}`));
  await persist(() => ask(`/tree/${tree}/tree.json`));
  return { tree, kept, failures };
}

/** Whole: what was acknowledged is there, pictures can be read, lines are whole, and nothing half-written is left. */
async function assertWhole(folder: string, tree: string, kept: readonly number[]): Promise<void> {
  const lines = Deno.readTextFileSync(`${folder}/trees/${tree}/tree.jsonl`).trimEnd().split("\n");
  const nodes = lines.flatMap((line) => JSON.parse(line) as { id: number }[]);
  assertEquals(nodes.map(({ id }) => id), nodes.map((_, i) => i));
  assert(kept.every((id) => nodes[id]));
  for (const { id } of nodes) await decodeImage(Deno.readFileSync(`${folder}/trees/${tree}/pictures/${id}.png`), `${id}`);
  const examples = Deno.readTextFileSync(`${folder}/examples/trajectories.jsonl`).trimEnd().split("\n").map((line) => JSON.parse(line));
  for (const { source, target } of examples) {
    for (const file of [source, target]) await decodeImage(Deno.readFileSync(`${folder}/examples/${file}`), file);
  }
  assertEquals(new Set(examples.map(({ id }) => id)).size, examples.length);
  for (const below of [`trees/${tree}/pictures`, `trees/${tree}/exports`, `trees/${tree}`, "examples", "examples/frames"]) {
    for (const { name } of Deno.readDirSync(`${folder}/${below}`)) assert(!name.includes(".tmp"), name);
  }
}

/**
 * Lets one call after the other fail, each at a server of its own.
 *
 * @param reads whether they are calls that read or look, instead of those that write
 * @param every so many calls one fails
 * @returns how many failed, and how many of them were told in a sentence
 */
export async function failEach(reads: boolean, every = 1): Promise<{ failed: number; told: number }> {
  let [failed, told] = [0, 0];
  for (let at = 1;; at += every) {
    let isOver = false;
    await withServer(async (server) => {
      Object.assign(failing, { below: server.folder, at, calls: 0, reads });
      const { tree, kept, failures } = await useEverything(server);
      isOver = failing.calls < at;
      failing.below = "";
      assert(failures.length <= 1, `${failures}`);
      told += failures.length;
      await assertWhole(server.folder, tree, kept);
    });
    if (isOver) return { failed, told };
    failed++;
  }
}

if (import.meta.main) {
  for (const reads of [false, true]) {
    const { failed, told } = await failEach(reads, Number(Deno.args[0] ?? 1));
    console.log(`${failed} calls that ${reads ? "read or look" : "write"} failed, ${told} told in a sentence, the others done without`);
  }
}
