/**
 * Servers that start on a disk that fails: each call that writes, and each that reads or looks, fails once while `serve` and `human-eval`
 * start. They must end with one sentence and exit code 1, or do without what failed; the next start must print links, and links that were
 * printed before must be the same.
 *
 *   deno run -A test/faults/server_starts.ts [EVERY]
 *
 * With EVERY only each so-manieth call fails. Loaded before a task it lets SIGTERM end it, so that `failing_files.ts` tells its calls.
 *
 * @module
 */
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { exists } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { denoFolder } from "../support.ts";
import { filesOf } from "./stages.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PRELOADED = ["failing_files.ts", "server_starts.ts"].map((name) => `--preload=${new URL(name, import.meta.url).pathname}`);

/** A server: its task, and its arguments beside the run's folder. */
export interface Server {
  /** The task's name, with dashes. */
  readonly name: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** A server that has printed its links, or has ended. */
export interface Started {
  /** The process. */
  readonly child: Deno.ChildProcess;
  /** Its links; none when it ended. */
  readonly links: readonly string[];
  /** Ends it; its exit code and what it said on its standard error. */
  stop(): Promise<{ readonly code: number; readonly words: string }>;
}

/** `serve` on the base alone, and `human-eval` on two systems, whose pictures are put below a folder. */
export async function servers(root: string): Promise<{ readonly serve: Server; readonly people: Server }> {
  Deno.mkdirSync(`${root}/pictures`);
  for (const { id, source } of worldTrajectories("default", 1, "bench", 10)) {
    Deno.writeFileSync(`${root}/pictures/${id}.png`, await encodePng(await source.load()));
  }
  const systems = [
    "serve",
    `--systems=copy,again=${root}/pictures`,
    "--bench.world=10",
    "--humanEval.participants=5",
    "--humanEval.port=0",
  ];
  return {
    serve: {
      name: "serve",
      args: ["--serve.adapter=base", "--serve.cdm=base", "--serve.candidates=1", "--serve.together=1", "--serve.port=0"],
    },
    people: { name: "human-eval", args: systems },
  };
}

/** Starts a server, under another program where that is named, and waits for its links, or its end. */
export async function startServer(
  { name, args }: Server,
  folder: string,
  env: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
): Promise<Started> {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", ...PRELOADED, `${ROOT}tasks/${name.replaceAll("-", "_")}.ts`];
  const [program, ...rest] = [...under, ...deno, ...args, `--run=${folder}`];
  const child = new Deno.Command(program!, {
    args: rest,
    ...{ cwd: ROOT, stdout: "piped", stderr: "piped" } as const,
    env: { NO_COLOR: "1", DENO_DIR: denoFolder(), LIBTENSORFLOW_DIR: libtensorflowFolder(), ...env },
  }).spawn();
  const words = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    text += next.value;
    if (text.includes("Stop with Ctrl-C")) break;
  }
  const stop = async () => {
    await reader.cancel();
    try {
      child.kill("SIGTERM");
    } catch { /* it has ended */ }
    return { code: (await child.status).code, words: (await words).trim() };
  };
  return { child, links: text.match(/http:\/\/127\.0\.0\.1:\d+\/#[0-9a-f]{32}/g) ?? [], stop };
}

const secretsOf = (links: readonly string[]) => links.map((link) => link.split("#")[1]).join();

/** What is wrong with a start that met a failure, which must print links or end with one sentence, and with the next one, which must print links. */
export async function problemsOfStarts(server: Server, failed: Started, startAgain: () => Promise<Started>) {
  const { code, words } = await failed.stop();
  const isSentence = words.split("\n").at(-1)!.startsWith(`${server.name}: `) && !/ {4}at |bug in|give another --serve.port/.test(words);
  const again = await startAgain();
  const { words: more } = await again.stop();
  return {
    told: code === 1,
    again,
    problems: [
      ...(failed.links.length === 0 && (code !== 1 || !isSentence) ? [`exit code ${code}: ${words.slice(-600)}`] : []),
      ...(again.links.length === 0 ? [`it does not start again: ${more.slice(-600)}`] : []),
    ],
  };
}

/** The same of a call that fails, with the links and the files that are left. */
async function problemsOf(
  server: Server,
  folder: string,
  env: Readonly<Record<string, string>>,
): Promise<{ told: boolean; problems: string[] }> {
  const failed = await startServer(server, folder, env);
  const { told, again, problems } = await problemsOfStarts(server, failed, () => startServer(server, folder));
  return {
    told,
    problems: [
      ...problems,
      ...(failed.links.length > 0 && secretsOf(failed.links) !== secretsOf(again.links) ? ["links are others now"] : []),
      ...[...filesOf(folder).keys()].filter((path) => path.endsWith(".tmp")).map((path) => `${path} is left`),
    ],
  };
}

/** Which calls of a server's start fail. */
export interface Calls {
  /** Whether they are those that read or look. */
  readonly reads: boolean;
  /** Each so-manieth. */
  readonly every: number;
  /** Below which folder, when it is not the server's. */
  readonly below?: string;
}

/** Lets calls of a server's start fail: how many did, how many were told in a sentence, what was wrong. */
export async function failStarts(server: Server, root: string, { reads, every, below }: Calls) {
  const report = `${root}/calls`;
  const env = (folder: string, at: number) => ({
    ...{ FAIL_BELOW: below ?? folder, FAIL_AT: `${at}`, FAIL_COUNT: report },
    ...(reads && { FAIL_READS: "1" }),
  });
  const whole = await startServer(server, `${root}/whole`, env(`${root}/whole`, 0));
  await whole.stop();
  const calls = Number(Deno.readTextFileSync(report));
  let [failed, told] = [0, 0];
  const wrong: string[] = [];
  for (let at = 1; at <= calls; at += every) {
    const folder = `${root}/${server.name}-${at}`;
    const found = await problemsOf(server, folder, env(folder, at));
    failed++;
    if (found.told) told++;
    wrong.push(...found.problems.map((one) => `${server.name}, call ${at} of ${calls}: ${one}`));
    if (exists(folder)) Deno.removeSync(folder, { recursive: true });
  }
  Deno.removeSync(`${root}/whole`, { recursive: true });
  return { calls, failed, told, wrong };
}

if (import.meta.main) {
  const root = Deno.makeTempDirSync({ prefix: "worldstrap-starts-" });
  const { serve, people } = await servers(root);
  const every = Number(Deno.args[0] ?? 1);
  let bad = 0;
  const tried: [server: Server, reads: boolean, below?: string][] = [
    ...[people, serve].flatMap((server) => [false, true].map((reads): [Server, boolean] => [server, reads])),
    [people, true, `${root}/pictures`],
  ];
  for (const [server, reads, below] of tried) {
    const { calls, failed, told, wrong } = await failStarts(server, root, { reads, every, ...(below && { below }) });
    const which = `${reads ? "read or look" : "write"}${below ? ` at ${below}` : ""}`;
    console.log(`${server.name}: ${failed} of ${calls} calls that ${which} failed, ${told} told in a sentence`);
    for (const one of wrong) console.log(`  WRONG: ${one}`);
    bad += wrong.length;
  }
  Deno.removeSync(root, { recursive: true });
  Deno.exit(bad === 0 ? 0 : 1);
} else if (Deno.env.get("FAIL_COUNT")) Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
