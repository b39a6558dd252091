/**
 * Clients that send their request's head byte by byte and never end it, at a live page whose models do not matter: how long they are borne,
 * what each costs, and whether others are answered meanwhile.
 *
 *   deno run -A test/faults/slow_heads.ts [CLIENTS] [SECONDS]
 *
 * @module
 */
import { openPage } from "../../lib/serve/mod.ts";

const TOKEN = "0".repeat(32);
const MAKER = { base: "", adapter: "", version: "" };

/** Memory of this process, MiB. */
const memory = () => Deno.memoryUsage().rss / 2 ** 20;

/** One client: a byte a second until the server hangs up; the seconds that it was borne. */
async function creep(port: number, end: number): Promise<number> {
  const begun = performance.now();
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = new TextEncoder().encode(`GET / HTTP/1.1\r\nhost: a\r\nx-slow: ${"a".repeat(10_000)}`);
  try {
    for (let i = 0; performance.now() < end; i++) {
      await connection.write(head.subarray(i, i + 1));
      await new Promise((done) => setTimeout(done, 1000));
    }
  } catch { /* it was hung up on */ }
  return (performance.now() - begun) / 1000;
}

if (import.meta.main) {
  const [clients = 500, seconds = 60] = Deno.args.map(Number);
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-slow-" });
  const page = await openPage({
    ...{ folder, tokens: [TOKEN], hostname: "127.0.0.1", port: 0, candidates: 1, together: 1, makers: { cwm: MAKER, other: MAKER } },
    ...{ examples: [], side: 64, rows: 8, compares: false },
  });
  const ask = async () => {
    const begun = performance.now();
    await (await fetch(`http://127.0.0.1:${page.port}/api/state`, { headers: { authorization: `Bearer ${TOKEN}` } })).json();
    return performance.now() - begun;
  };
  await ask();
  const before = memory();
  const end = performance.now() + 1000 * seconds;
  const borne = Promise.all(Array.from({ length: clients }, () => creep(page.port, end)));
  const waits: number[] = [];
  while (performance.now() < end - 2000) {
    await new Promise((done) => setTimeout(done, 1000));
    waits.push(await ask());
  }
  const after = memory();
  const shortest = Math.min(...await borne);
  console.log(
    `${clients} clients were borne for ${shortest.toFixed(0)} of ${seconds} s at least, ${
      (1024 * (after - before) / clients).toFixed(0)
    } KiB each on both sides; others waited ${waits.toSorted((a, b) => a - b)[waits.length >> 1]!.toFixed(0)} ms in the middle, ${
      Math.max(...waits).toFixed(0)
    } at most`,
  );
  page.close();
  Deno.removeSync(folder, { recursive: true });
}
