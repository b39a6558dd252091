import { openStudy, readVotes } from "../../lib/human/mod.ts";
import { exists } from "../../lib/files.ts";
import { servers, startServer } from "../faults/server_starts.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const PARTICIPANTS = 200;

/** Starts `human-eval serve` on a port and waits for its links. */
async function serve(folder: string, port: number): Promise<{ child: Deno.ChildProcess; port: number; secrets: string[] }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", `${ROOT}tasks/human_eval.ts`, "serve", "--systems=copy,again=copy-folder", "--bench.world=50"],
      ...[`--humanEval.participants=${PARTICIPANTS}`, `--humanEval.port=${port}`, `--run=${folder}`],
    ].map((arg) => arg.replace("copy-folder", `${folder}/pictures`)),
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  let text = "";
  while (!text.includes("Stop with Ctrl-C")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  const links = [...text.matchAll(/http:\/\/127\.0\.0\.1:(\d+)\/#([0-9a-f]{32})/g)];
  return { child, port: Number(links[0]![1]), secrets: links.map((link) => link[2]!) };
}

interface State {
  readonly screen: string;
  readonly item: string;
  readonly choices: readonly string[];
  readonly completion?: string;
}

/** Asks until the server, which may be down for a while, answers. */
async function ask(port: number, path: string, secret: string, body?: object): Promise<State> {
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: body ? "POST" : "GET",
        headers: { authorization: `Bearer ${secret}` },
        body: body ? JSON.stringify(body) : null,
      });
      return await response.json();
    } catch {
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/** A participant who answers everything, and notes what was acknowledged. */
async function participate(port: number, secret: string, onAnswer: () => void): Promise<{ acknowledged: number; completion: string }> {
  let [state, acknowledged] = [await ask(port, "/api/join", secret, { consent: true }), 0];
  while (state.screen === "item") {
    const [best, worst] = state.choices;
    state = await ask(port, "/api/vote", secret, { item: state.item, best, worst });
    acknowledged++;
    onAnswer();
  }
  return { acknowledged, completion: state.completion! };
}

Deno.test("200 participants at once: three times kill -9 in the middle, and no acknowledged vote is lost", () =>
  withFolder(async (folder) => {
    const pictures = await import("../../lib/world/mod.ts").then(({ worldTrajectories }) => worldTrajectories("default", 1, "bench", 50));
    const { encodePng } = await import("../../lib/tokens/mod.ts");
    Deno.mkdirSync(`${folder}/pictures`);
    for (const { id, source } of pictures) Deno.writeFileSync(`${folder}/pictures/${id}.png`, await encodePng(await source.load()));
    let running = await serve(folder, 0);
    const { port, secrets } = running;
    assertEquals(secrets.length, PARTICIPANTS);
    let answered = 0;
    const everybody = Promise.all(secrets.map((secret) => participate(port, secret, () => answered++)));
    for (const part of [0.25, 0.5, 0.75]) {
      while (answered < part * PARTICIPANTS * 25) await new Promise((done) => setTimeout(done, 20));
      running.child.kill("SIGKILL");
      await running.child.status;
      const study = openStudy(`${folder}/study.db`);
      assert(readVotes(study).length >= answered, "an acknowledged vote is lost");
      study.close();
      await running.child.stdout.cancel();
      running = await serve(folder, port);
      assertEquals(running.secrets, secrets); // links stay good
    }
    const all = await everybody;
    running.child.kill("SIGINT");
    assertEquals((await running.child.status).code, 0);
    await running.child.stdout.cancel();
    assertEquals(all.map(({ acknowledged }) => acknowledged >= 25), all.map(() => true));
    assertEquals(new Set(all.map(({ completion }) => completion)).size, PARTICIPANTS);
    const study = openStudy(`${folder}/study.db`);
    const votes = readVotes(study);
    study.close();
    assertEquals(votes.length, PARTICIPANTS * 25);

    assertEquals(Deno.readTextFileSync(`${folder}/overlap.json`), "0");
    Deno.writeTextFileSync(`${folder}/overlap.json`, "3"); // as --allow-overlap leaves it
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${ROOT}tasks/human_eval.ts`, "analyse", `--run=${folder}`],
      cwd: ROOT,
    }).output();
    assertEquals([code, new TextDecoder().decode(stdout).includes("5000 votes of 200 participants")], [0, true]);
    assert(Deno.readTextFileSync(`${folder}/analysis/table.md`).includes("pictures of the bench were trained on (3"));
    assertEquals(Deno.readTextFileSync(`${folder}/analysis/votes.csv`).trim().split("\n").length, 5001);
  }));

Deno.test("human-eval says in a sentence that its port is taken", () =>
  withFolder(async (folder) => {
    const { people: { name, args } } = await servers(folder);
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const onTaken = args.map((arg) => arg.startsWith("--humanEval.port=") ? `--humanEval.port=${port}` : arg);
    const { links, stop } = await startServer({ name, args: onTaken }, `${folder}/run`);
    const { code, words } = await stop();
    const said = `human-eval: Cannot serve the page on 127.0.0.1:${port}: something listens there already; give another --humanEval.port,`;
    assert(links.length === 0 && code === 1 && words.split("\n").at(-1)!.startsWith(said), words);
  }));

Deno.test("human-eval goes on with a study on its own pictures alone: votes on others under the same names would mix with them", () =>
  withFolder(async (folder) => {
    const { people } = await servers(folder);
    const start = () => startServer(people, `${folder}/run`);
    const first = await start();
    await first.stop();
    const [one, other] = [...Deno.readDirSync(`${folder}/pictures`)].map(({ name }) => `${folder}/pictures/${name}`);
    const own = Deno.readFileSync(one!);
    Deno.copyFileSync(other!, one!);
    const changed = await start();
    const { code, words } = await changed.stop();
    assert(code === 1 && /^human-eval: Cannot go on with .*study.db: .* other systems, items or pictures; give/m.test(words), words);
    Deno.writeFileSync(one!, own);
    const again = await start();
    assertEquals([changed.links, again.links.length], [[], first.links.length]);
    await again.stop();
  }));

Deno.test("human-eval begins no study without an item whose picture the disk failed to read", () =>
  withFolder(async (folder) => {
    const { people } = await servers(folder);
    const failing = (at: number) => ({ FAIL_BELOW: `${folder}/pictures`, FAIL_AT: `${at}`, FAIL_READS: "1" });
    for (const at of [12, 13]) { // in the middle of looking for pictures and reading them
      const { links, stop } = await startServer(people, `${folder}/run`, failing(at));
      const { code, words } = await stop();
      assert(links.length === 0 && code === 1 && /^human-eval: Cannot .*\(os error 5\)/m.test(words), words);
      assertEquals(exists(`${folder}/run/study.db`), false);
    }
  }));
