/**
 * `human-eval` on a disk that fails under SQLite, whose calls are not Deno's: strace lets the n-th call of a kind on the study's files fail.
 * The server must end with one sentence, or refuse in one and take what is sent again; no vote that was taken may be lost, and the file must
 * be whole.
 *
 *   apt-get install -y strace && deno run -A test/faults/human_eval_calls.ts [EACH]
 *
 * EACH calls of each kind fail, from the first to the last; 12 if absent, 2 at least.
 *
 * @module
 */
import { openStudy, readVotes } from "../../lib/human/mod.ts";
import { ask, type State } from "./human_eval_full.ts";
import { type Server, servers, startServer } from "./server_starts.ts";
import { tried } from "./stage_failures.ts";

const KINDS = ["pread64", "pwrite64", "fdatasync", "fsync", "ftruncate", "unlink", "openat"];

/** What strace is told: which calls it writes down, and which one fails. */
function strace(folder: string, log: string, kind: string, at: number): string[] {
  const files = ["study.db", "study.db-wal", "study.db-shm"].flatMap((name) => ["-P", `${folder}/${name}`]);
  const fails = at === 0 ? [] : ["-e", `inject=${kind}:error=EIO:when=${at}`];
  return ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", log, ...files, "-e", `trace=${KINDS.join()}`, ...fails];
}

/** Two people vote on all items, and send again what was refused. */
async function vote(links: readonly string[]): Promise<{ taken: number; refusals: string[] }> {
  const refusals: string[] = [];
  let taken = 0;
  const persist = async (link: string, path: string, body?: object): Promise<State> => {
    const first = await ask(link, path, body);
    if (first.error === undefined) return first;
    refusals.push(first.error);
    return await ask(link, path, body);
  };
  for (const link of links.slice(0, 2)) {
    for (let state = await persist(link, "/api/join", { consent: true }); state.screen === "item"; taken++) {
      const [best, worst] = state.choices!;
      state = await persist(link, "/api/vote", { item: state.item, best, worst });
    }
  }
  return { taken, refusals };
}

/** A study with one failure, to its end: whether it was told, and what was wrong. */
async function oneFailure(
  server: Server,
  folder: string,
  log: string,
  kind: string,
  at: number,
): Promise<{ told: boolean; wrong: string[] }> {
  let running = await startServer(server, folder, {}, strace(folder, log, kind, at));
  const wrong: string[] = [];
  let told = running.links.length === 0;
  if (told) {
    const { code, words } = await running.stop();
    if (code !== 1 || !words.split("\n").at(-1)!.startsWith("human-eval: ") || /bug in/.test(words)) wrong.push(`code ${code}: ${words}`);
    running = await startServer(server, folder);
  }
  const { taken, refusals } = await vote(running.links);
  told ||= refusals.length > 0;
  wrong.push(...refusals.filter((text) => !/^[A-Z][^\n/]*\.$/.test(text)));
  const { words } = await running.stop();
  if (/bug in/.test(words)) wrong.push(words.slice(0, 400));
  const study = openStudy(`${folder}/study.db`);
  const [kept, whole] = [readVotes(study).length, study.prepare("PRAGMA integrity_check").get()!["integrity_check"]];
  study.close();
  if (kept !== taken || taken !== 20 || whole !== "ok") wrong.push(`${taken} votes were taken, ${kept} are kept, the file is ${whole}`);
  return { told, wrong };
}

/** How many calls of each kind a study makes that nothing disturbs. */
async function countCalls(server: Server, root: string): Promise<Map<string, number>> {
  await oneFailure(server, `${root}/whole`, `${root}/log`, "", 0);
  const lines = Deno.readTextFileSync(`${root}/log`).split("\n");
  return new Map(KINDS.map((kind) => [kind, lines.filter((line) => line.includes(` ${kind}(`)).length]));
}

if (import.meta.main) {
  const root = Deno.makeTempDirSync({ prefix: "worldstrap-calls-" });
  const { people } = await servers(root);
  let bad = 0;
  for (const [kind, calls] of await countCalls(people, root)) {
    let told = 0;
    const chosen = tried(calls, Number(Deno.args[0] ?? 12));
    for (const at of chosen) {
      const found = await oneFailure(people, `${root}/${kind}-${at}`, `${root}/log`, kind, at);
      if (found.told) told++;
      bad += found.wrong.length;
      for (const one of found.wrong) console.log(`${kind}, call ${at} of ${calls}: WRONG: ${one}`);
    }
    console.log(`${kind}: ${chosen.length} of ${calls} calls failed, ${told} told in a sentence, the others done without`);
  }
  Deno.removeSync(root, { recursive: true });
  Deno.exit(bad === 0 ? 0 : 1);
}
