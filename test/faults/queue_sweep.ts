/**
 * Annotates pairs of the tiny world's pictures by workers of a queue, kills workers and the server meanwhile, and compares what
 * they leave with one process's work that nobody disturbed.
 *
 *   deno run -A test/faults/queue_sweep.ts 5000 10
 *
 * annotates 5,000 pairs, 10,000 pictures, with three workers, ten SIGKILLs of workers and one of the server. A folder as the third
 * argument may hold what was done before: `work FOLDER/whole 5000` is the work of one process.
 *
 * @module
 */
import { openBackend } from "../../lib/engine/mod.ts";
import { randomStream } from "../../lib/engine/random.ts";
import { batchesOf, type Work } from "../../lib/experiment/batches.ts";
import { workTogether } from "../../lib/experiment/queue_work.ts";
import { exists, writeFile } from "../../lib/files.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { startServer } from "../../lib/queue/server.ts";
import { textSampler } from "../../lib/sample/mod.ts";
import { annotatePairs } from "../../lib/synthesis/mod.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import type { Trajectory } from "../../lib/trajectories/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";

const [WORKERS, TOGETHER] = [3, 16];

/** What a sweep found. */
export interface Sweep {
  /** Pairs that were annotated. */
  readonly pairs: number;
  /** Kills that hit a running worker. */
  readonly kills: number;
  /** Kills of the server. */
  readonly serverKills: number;
  /** Batches that were worked on more than once. */
  readonly again: number;
  /** Pairs that no line is of. */
  readonly lost: number;
  /** Lines too many. */
  readonly twice: number;
  /** Whether the file is the undisturbed one, bit for bit. */
  readonly equal: boolean;
  /** What workers said that ended of themselves with an error. */
  readonly errors: readonly string[];
}

/** Annotates pairs, alone or from a queue; the lines go to `lines.jsonl`. */
async function work(folder: string, pairs: number, address: string | undefined): Promise<void> {
  await openBackend();
  const { chameleon, vqgan } = loadModel("data/tiny", "bfloat16");
  const vocabulary = loadVocabulary("data/tiny", vqgan.config.codes);
  const annotator = { text: textSampler(chameleon, vocabulary), vqgan, vocabulary, cdm: "base" };
  const job: Work<Trajectory, unknown> = {
    ...{ name: "sweep", unit: "pairs", folder, batches: batchesOf(worldTrajectories("easy", 1, "train", pairs), TOGETHER) },
    idOf: ({ id }) => id,
    run: async ({ index, items }) => {
      Deno.writeTextFileSync(`${folder}/begun.log`, `${index}\n`, { append: true });
      const images = await Promise.all(items.map(async ({ source, target }) => [await source.load(), await target.load()] as const));
      const said = annotatePairs(annotator, images, { temperature: 1, seed: 1, streams: items.map(({ id }) => id) });
      return items.map(({ id }, i) => ({ id, ...said[i] }));
    },
  };
  Deno.mkdirSync(folder, { recursive: true });
  const worked = await workTogether(job, address);
  if (!worked) return;
  writeFile(`${folder}/lines.jsonl`, worked.lines.map((line) => JSON.stringify(line) + "\n").join(""));
  writeFile(`${folder}/result.json`, "{}\n");
  await worked.finish();
}

/** Starts a process of this file. */
function startWorker(folder: string, pairs: number, address = ""): { child: Deno.ChildProcess; ended: Promise<string> } {
  const args = ["run", "-A", "--no-check", import.meta.filename!, "work", folder, `${pairs}`, address];
  const cwd = new URL("../..", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), { args, cwd, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  const said = new Response(child.stderr).text();
  return { child, ended: child.status.then(async ({ success, signal }) => success || signal ? (await said, "") : await said) };
}

/**
 * Runs a sweep.
 *
 * @param folder for the runs
 * @param pairs of pictures
 * @param wanted how many workers are killed, each when its share of the batches is done
 * @param seed says which worker each time
 * @returns what was found
 */
export async function sweep(folder: string, pairs: number, wanted: number, seed = 1): Promise<Sweep> {
  const random = randomStream("kills", seed);
  const [whole, shared] = [`${folder}/whole`, `${folder}/shared`];
  const alone = await startWorker(whole, pairs).ended;
  if (alone !== "") throw new Error(alone);
  let server = await startServer("127.0.0.1:-1", `${folder}/store`);
  const { address } = server;
  const workers = Array.from({ length: WORKERS }, () => startWorker(shared, pairs, address));
  const all = [...workers];
  const moments = Array.from({ length: wanted }, (_, i) => (i + 1) / (wanted + 2));
  let [kills, serverKills] = [0, 0];
  const batches = Math.ceil(pairs / TOGETHER);
  while (!exists(`${shared}/result.json`)) {
    const [ended] = await Promise.all([Promise.race([...workers.map(({ ended }) => ended), pause(20)]), pause(20)]);
    if (ended && !exists(`${shared}/result.json`)) throw new Error(ended);
    const share = beginnings(shared).length / batches;
    if (share >= moments[0]!) {
      moments.shift();
      const victim = Math.floor(random() * WORKERS);
      workers[victim]!.child.kill("SIGKILL");
      await workers[victim]!.ended;
      kills++;
      all.push(workers[victim] = startWorker(shared, pairs, address));
    }
    if (serverKills === 0 && share >= 0.5) {
      server.process.kill("SIGKILL");
      await server.process.status;
      serverKills++;
      server = await startServer(address.replace("nats://", ""), `${folder}/store`);
    }
  }
  const errors = (await Promise.all(all.map(({ ended }) => ended))).filter((text) => text !== "");
  server.process.kill();
  await server.process.status;
  return { pairs, kills, serverKills, ...compare(whole, shared, pairs), errors };
}

/** The batches that were begun, each time one was. */
function beginnings(folder: string): string[] {
  return exists(`${folder}/begun.log`) ? Deno.readTextFileSync(`${folder}/begun.log`).trim().split("\n") : [];
}

function compare(whole: string, shared: string, pairs: number): Pick<Sweep, "again" | "lost" | "twice" | "equal"> {
  const [expected, found] = [whole, shared].map((folder) => Deno.readTextFileSync(`${folder}/lines.jsonl`));
  const ids = found!.trim().split("\n").map((line) => JSON.parse(line).id as string);
  const distinct = new Set(ids).size;
  const begun = beginnings(shared);
  return { again: begun.length - new Set(begun).size, lost: pairs - distinct, twice: ids.length - distinct, equal: expected === found };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, milliseconds));
}

if (import.meta.main) {
  const [first, ...rest] = Deno.args;
  if (first === "work") {
    await work(rest[0]!, Number(rest[1]), rest[2] || undefined);
  } else {
    const folder = rest[1] ?? Deno.makeTempDirSync({ prefix: "worldstrap-queue-" });
    const began = performance.now();
    const found = await sweep(folder, Number(first ?? 5000), Number(rest[0] ?? 10));
    console.log(JSON.stringify({ ...found, seconds: Math.round((performance.now() - began) / 1000) }));
    Deno.removeSync(folder, { recursive: true });
    if (found.lost + found.twice + found.errors.length > 0 || !found.equal) Deno.exit(1);
  }
}
