/**
 * Many people at once at a live page, and kills in the middle: `deno run -A test/faults/serve_users.ts [USERS] [QUESTIONS] [KILLS]`.
 *
 * Each takes an example, asks one question after the other, goes on from the likeliest candidate, and cancels now and then. Whoever is cut off
 * by a kill waits for the server, looks whether everything that was answered is still there, and asks again.
 *
 * @module
 */
import { randomStream } from "../../lib/engine/random.ts";
import { decodeImage } from "../../lib/tokens/mod.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** A running server. */
export interface Serving {
  readonly child: Deno.ChildProcess;
  readonly port: number;
  readonly token: string;
}

/** Starts `deno task serve` with the permissions of deno.json and waits for its link. */
export async function startServe(folder: string, port: number, ...more: string[]): Promise<Serving> {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`));
  const [, ...args] = tasks.serve.command.split(" ");
  const base = ["--serve.adapter=base", "--serve.cdm=base", `--serve.port=${port}`, `--run=${folder}`, ...more];
  const command = new Deno.Command(Deno.execPath(), { args: [...args, ...base], cwd: ROOT, env: { NO_COLOR: "1" }, stdout: "piped" });
  const child = command.spawn();
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const link = /http:\/\/127\.0\.0\.1:(\d+)\/#([0-9a-f]{32})\n/.exec(text);
    if (link) return { child, port: Number(link[1]), token: link[2]! };
  }
  throw new Error(`serve ended: ${text}`);
}

/** What one question took, in milliseconds. */
export interface Took {
  /** Until the server said a place in the queue. */
  readonly heard: number;
  /** Until the drawing began. */
  readonly begun: number;
  /** Until the first rows were seen; undefined when the end came before. */
  readonly rows: number | undefined;
  /** Until the answer. */
  readonly answered: number;
}

interface Line {
  readonly place?: number;
  readonly begun?: boolean;
  readonly rows?: number;
  readonly error?: string;
  readonly nodes?: readonly { readonly id: number; readonly parent: number | null }[];
}

/** Somebody who asks so many questions; what each took, and how often they were cut off. */
export async function user(
  serving: () => Serving,
  number: number,
  questions: number,
): Promise<{ took: Took[]; cancelled: number; lost: number }> {
  const request = (path: string, body?: object, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${serving().port}${path}`, {
      headers: { authorization: `Bearer ${serving().token}`, "content-type": "application/json" },
      ...(body && { method: "POST", body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  const json = async (path: string, body?: object) => await persist(async () => await (await request(path, body)).json());
  const { tree } = await json("/api/trees", {});
  await json(`/api/trees/${tree}/pictures`, { example: number % 6 });
  const { examples } = await json("/api/state");
  const took: Took[] = [];
  let [cancelled, lost, here] = [0, 0, 0];
  const answered = new Set([0]);
  while (took.length < questions) {
    const { actions } = examples[number % 6];
    const body = { parent: here, action: actions[took.length % actions.length], seed: number };
    if (number % 5 === 4 && cancelled < took.length) { // some change their mind
      const stop = new AbortController();
      const response = await request(`/api/trees/${tree}/imagine`, body, stop.signal).catch(() => undefined);
      stop.abort();
      await response?.body?.cancel().catch(() => {});
      cancelled++;
      continue;
    }
    const outcome = await ask(() => request(`/api/trees/${tree}/imagine`, body));
    if (outcome) {
      took.push(outcome.took);
      for (const { id } of outcome.nodes) answered.add(id);
      here = outcome.nodes[0]!.id;
      continue;
    }
    lost++;
    const { nodes } = await json(`/api/trees/${tree}`) as { nodes: { id: number }[] };
    const gone = [...answered].filter((id) => nodes[id]?.id !== id);
    if (gone.length > 0) throw new Error(`an answer that was given is gone: ${gone}`);
    for (const { id } of nodes) answered.add(id); // kept, although its answer did not arrive
  }
  return { took, cancelled, lost };
}

/** One question; undefined when it was cut off. */
async function ask(send: () => Promise<Response>): Promise<{ took: Took; nodes: NonNullable<Line["nodes"]> } | undefined> {
  const start = performance.now();
  const at: Partial<Record<"heard" | "begun" | "rows", number>> = {};
  let text = "";
  try {
    const response = await send();
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (text + piece).split("\n");
      text = lines.pop()!;
      for (const line of lines.map((line): Line => JSON.parse(line))) {
        const since = performance.now() - start;
        if (line.place !== undefined) at.heard ??= since;
        if (line.begun) at.begun ??= since;
        if (line.rows) at.rows ??= since;
        if (line.error) throw new Error(`the server said: ${line.error}`);
        if (line.nodes) return { took: { heard: at.heard!, begun: at.begun!, rows: at.rows, answered: since }, nodes: line.nodes };
      }
    }
  } catch (error) {
    if (/^\d{3}: |^the server said/.test((error as Error).message)) throw error;
  }
  return undefined;
}

/** Tries again while the server is away. */
async function persist<T>(body: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await body();
    } catch {
      await new Promise((done) => setTimeout(done, 100));
    }
  }
}

/** What is wrong with the trees on the disk: pictures that are missing or broken, nodes out of order. */
export async function treeProblems(folder: string): Promise<string[]> {
  const problems: string[] = [];
  for (const { name } of Deno.readDirSync(`${folder}/trees`)) {
    const lines = Deno.readTextFileSync(`${folder}/trees/${name}/tree.jsonl`).split("\n").slice(0, -1);
    const nodes = lines.flatMap((line) => JSON.parse(line) as { id: number; parent: number | null }[]);
    for (const [i, { id, parent }] of nodes.entries()) {
      if (id !== i || (parent ?? -1) >= id) problems.push(`${name}: ${id} after ${parent} at ${i}`);
      const path = `${folder}/trees/${name}/pictures/${id}.png`;
      await decodeImage(Deno.readFileSync(path), path).catch((error) => problems.push(error.message));
    }
  }
  return problems;
}

/** Memory of a process, MiB. */
export function memoryOf({ child }: Serving): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${child.pid}/status`))![1]) / 1024;
}

/** Lets users loose on a server, which is killed at so many random moments while any of them is left. */
export async function crowd(folder: string, users: number, questions: number, kills: number) {
  let serving = await startServe(folder, 0);
  const memory = [memoryOf(serving)];
  const watch = setInterval(() => {
    try {
      memory.push(memoryOf(serving));
    } catch { /* it is being killed */ }
  }, 500);
  const start = performance.now();
  const random = randomStream("serve kills", 1);
  let [asked, made] = [0, 0];
  const everybody = Promise.all(
    Array.from({ length: users }, (_, number) => user(() => serving, number, questions).finally(() => asked++)),
  );
  for (; made < kills && asked < users; made++) {
    await new Promise((done) => setTimeout(done, 500 + 4000 * random()));
    serving.child.kill("SIGKILL");
    await serving.child.status;
    serving = await startServe(folder, serving.port);
  }
  const results = await everybody;
  const seconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  memory.push(memoryOf(serving));
  serving.child.kill("SIGKILL");
  await serving.child.status;
  return { results, seconds, memory, kills: made, problems: await treeProblems(folder) };
}

/** The middle, the ninetieth of a hundred, and the largest. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => `${(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]! / 1000).toFixed(2)} s`;
  return sorted.length === 0 ? "none" : `median ${at(0.5)}, 90 % ${at(0.9)}, longest ${at(1)}`;
}

if (import.meta.main) {
  const [users = 50, questions = 4, wanted = 0] = Deno.args.map(Number);
  const folder = Deno.makeTempDirSync({ prefix: "serve-users-" });
  const { results, seconds, memory, kills, problems } = await crowd(folder, users, questions, wanted);
  const took = results.flatMap(({ took }) => took);
  const sum = (key: "cancelled" | "lost") => results.reduce((total, one) => total + one[key], 0);
  console.log(
    [
      `${users} users, ${took.length} answers of 4 pictures in ${seconds.toFixed(1)} s: ${
        (4 * took.length / seconds).toFixed(1)
      } pictures a second`,
      `until a place was told: ${spread(took.map(({ heard }) => heard))}`,
      `until the drawing began: ${spread(took.map(({ begun }) => begun))}`,
      `until rows were seen: ${spread(took.flatMap(({ rows }) => rows ?? []))}`,
      `until the answer: ${spread(took.map(({ answered }) => answered))}`,
      `cancelled ${sum("cancelled")}, cut off by ${kills} kills ${sum("lost")}, problems on the disk ${problems.length}`,
      `memory: ${memory[0]!.toFixed(0)} MiB at the start, at most ${Math.max(...memory).toFixed(0)}, ${
        memory.at(-1)!.toFixed(0)
      } at the end`,
    ].join("\n"),
  );
  Deno.removeSync(folder, { recursive: true });
  Deno.exit(problems.length > 0 ? 1 : 0);
}
