import { exists } from "../../lib/files.ts";
import { assert, assertEquals, denoFolder, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const DENO_DIR = denoFolder();
const KEY = "sk-canary-task-0123456789";

/** Runs a task with a key and an endpoint in its environment. */
async function run(path: string, port: number, home: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}${path}`, `--config=${ROOT}data/configs/micro.yaml`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_DIR, XDG_CACHE_HOME: home, OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** Every text below a folder. */
function textsBelow(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap((entry) =>
    entry.isDirectory ? textsBelow(`${folder}/${entry.name}`) : Deno.readTextFileSync(`${folder}/${entry.name}`)
  );
}

Deno.test("judge and report: a faulty endpoint leaves scores or the reason for none, keeps to the budget, pays once, and shows no key", () =>
  withFolder(async (folder) => {
    const fault = { on: true, asked: 0 };
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      await request.json();
      const turn = fault.asked++;
      if (fault.on && turn % 3 === 1) return new Response(`${KEY}`, { status: 400 });
      const content = fault.on && turn % 3 === 2 ? "11/10" : '{"reasoning":"seen","editing_success":3,"minimal_editing":8}';
      const usage = { prompt_tokens: 1000, completion_tokens: 100 };
      return Response.json({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }], usage });
    });
    const judge = (...more: string[]) =>
      run("tasks/judge.ts", server.addr.port, `${folder}/home`, "--systems=copy", "--judge.model=gpt-4o-2024-11-20", ...more);
    try {
      const dear = await judge("--judge.batch=true", "--judge.maxCost=0.0001", `--run=${folder}/dear`);
      assert(dear.code === 1 && dear.text.includes("Cannot submit the batch: it would cost about"), dear.text);
      const cheap = await judge("--judge.maxCost=0.004", "--judge.concurrency=1", `--run=${folder}/cheap`);
      assert(cheap.code === 0 && fault.asked === 3, cheap.text);
      const table = JSON.parse(Deno.readTextFileSync(`${folder}/cheap/table.json`));
      assert(table[0].scored === "1 of 10", table[0].scored);
      assert(Deno.readTextFileSync(`${folder}/cheap/skipped.jsonl`).includes("unscored: not asked"));

      fault.on = false;
      const before = fault.asked;
      const all = await judge(`--run=${folder}/judge`);
      assertEquals(JSON.parse(Deno.readTextFileSync(`${folder}/judge/table.json`))[0].scored, "10 of 10", all.text);
      assert(fault.asked - before < 10, "an answer was paid for twice");
      const after = fault.asked;
      await judge(`--run=${folder}/judge`, "--restart");
      assertEquals(fault.asked, after);

      const reported = await run("tasks/report.ts", server.addr.port, `${folder}/home`, `--of=${folder}/judge`, `--run=${folder}/report`);
      assertEquals(reported.code, 0, reported.text);
      const rows = JSON.parse(Deno.readTextFileSync(`${folder}/report/judge.json`)) as {
        source: string;
        system: string;
        all: number;
      }[];
      assertEquals([rows[0]!.source, rows[0]!.system, rows[0]!.all], ["measured", "copy", 3]);
      assert(rows.some(({ source, system, all }) => source === "published" && system === "CWM" && all === 3.67));
      assert(exists(`${folder}/report/judge-distributions.png`) && exists(`${folder}/report/judge-criteria.csv`));
      const html = Deno.readTextFileSync(`${folder}/report/report.html`);
      assert(html.includes("3.0: success 3.0, minimal 8.0. seen"), html.slice(-1500));
      Deno.removeSync(`${folder}/judge/table.json`); // as of a task that leaves none
      const bare = await run("tasks/report.ts", server.addr.port, `${folder}/home`, `--of=${folder}/judge`, `--run=${folder}/bare`);
      assert(bare.code === 1 && bare.text.includes("as its task leaves no table") && !exists(`${folder}/bare`), bare.text);
      for (const text of [dear.text, cheap.text, all.text, reported.text, ...textsBelow(folder)]) {
        assert(!text.includes(KEY), text.slice(0, 500));
      }
    } finally {
      await server.shutdown();
    }
  }));
