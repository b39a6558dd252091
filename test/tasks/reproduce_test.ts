/** `reproduce` on real triplets, from an empty folder to the report, at a scale where its numbers mean nothing. */
import { createStudy, joinStudy, screenOf, storeVote } from "../../lib/human/mod.ts";
import { randomToken } from "../../lib/web/mod.ts";
import { exists, parent } from "../../lib/files.ts";
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, denoFolder, sharedData, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const ENGINE = { LIBTENSORFLOW_DIR: libtensorflowFolder() }; // the tests' cache is their own: no answer of the stand-in is kept

interface Triplet {
  readonly input: string;
  readonly output: string;
  readonly instruction: string;
  readonly task: string;
}

/** Runs a task with a key and an endpoint in its environment. */
async function run(path: string, port: number, home: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const DENO_DIR = denoFolder();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}${path}`, `--config=${ROOT}data/configs/micro.yaml`, ...args],
    cwd: ROOT,
    env: {
      ...ENGINE,
      NO_COLOR: "1",
      DENO_DIR,
      XDG_CACHE_HOME: home,
      OPENAI_API_KEY: "sk-test",
      OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`,
    },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** One triplet of each subset to train on and another to measure on, with their pictures, in a folder of their own. */
function realLists(real: string, folder: string): { readonly train: string; readonly bench: string } {
  const all = JSON.parse(Deno.readTextFileSync(`${real}/aurora-bench/test.json`)) as Triplet[];
  const subsets = [...Map.groupBy(all, ({ task }) => task).values()];
  const write = (name: string, triplets: readonly Triplet[]) => {
    for (const path of triplets.flatMap(({ input, output }) => [input, output])) {
      Deno.mkdirSync(parent(`${folder}/${path}`), { recursive: true });
      Deno.copyFileSync(`${real}/aurora-bench/${path}`, `${folder}/${path}`);
    }
    Deno.writeTextFileSync(`${folder}/${name}.json`, JSON.stringify(triplets));
    return `${folder}/${name}.json`;
  };
  return {
    train: write("train", subsets.map((own) => own.at(-1)!)),
    bench: write("bench", subsets.map((own) => own[0]!)),
  };
}

/** Another system's folder: whole, missing, odd-sized, broken and extra pictures. */
async function otherSystem(folder: string): Promise<string> {
  Deno.mkdirSync(`${folder}/got`);
  const plain = async (width: number, height: number) =>
    await encodePng({ width, height, data: new Uint8Array(3 * width * height).fill(99) });
  Deno.writeFileSync(`${folder}/got/magicbrush-0.png`, await plain(64, 64));
  Deno.writeFileSync(`${folder}/got/ag-1.png`, await plain(30, 500));
  Deno.writeTextFileSync(`${folder}/got/something-2.png`, "no picture");
  Deno.writeFileSync(`${folder}/got/nobody-7.png`, await plain(8, 8));
  return `GoT=${folder}/got`;
}

/** A study of two systems with a vote of each of three raters. */
function votes(folder: string): string {
  const invites = Array.from({ length: 3 }, randomToken);
  const items = [{ id: "ag-1", subset: "ag", action: "go" }];
  const study = createStudy(`${folder}/votes/study.db`, { systems: ["GoT", "C-FT"], items, invites, perSubset: 5, seed: 1, pictures: "p" });
  for (const invite of invites) {
    const code = joinStudy(study, invite);
    const screen = screenOf(study, code);
    assert(screen.screen === "item");
    storeVote(study, code, { item: screen.item, best: screen.choices[0]!, worst: screen.choices[1]! });
  }
  study.close();
  return `${folder}/votes`;
}

Deno.test("reproduce on real triplets: from an empty folder to the report, with other systems, votes and a judge; what is missing is said", () =>
  withFolder(async (folder) => {
    const real = sharedData();
    if (!real) return;
    let asked = 0;
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
      await request.json();
      const content = `{"reasoning":"seen","editing_success":${asked++ % 10},"minimal_editing":8}`;
      return Response.json({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }], usage: {} });
    });
    try {
      const { train, bench } = realLists(real, folder);
      Deno.mkdirSync(`${folder}/votes`);
      const said = ["magicbrush-0", "ag-1", "ag-1", "x"].map((id) => JSON.stringify({ id, action: "open the door" }));
      Deno.writeTextFileSync(`${folder}/vila-u.jsonl`, said.join("\n"));
      const args = [
        ...[`--data.aurora=${train}`, `--bench=${bench}`, "--cdm.steps=2", "--cwm.steps=2", "--judge.model=gpt-4o-2024-11-20"],
        ...[`--systems=${await otherSystem(folder)}`, `--actions=VILA-U=${folder}/vila-u.jsonl`, `--votes=${votes(folder)}`],
        `--run=${folder}/paper`,
      ];
      const reproduce = (...more: string[]) => run("tasks/reproduce.ts", server.addr.port, `${folder}/home`, ...args, ...more);
      const { code, text } = await reproduce();
      assertEquals(code, 0, text);
      const rowsOf = (name: string) => JSON.parse(Deno.readTextFileSync(`${folder}/paper/${name}.json`)) as Record<string, string>[];

      // 1. Claims: what was there is measured, the rest says what it needs
      const claims = new Map(rowsOf("claims").map(({ claim, found, holds }) => [claim!.split(":")[0], [found!, holds!] as const]));
      assertEquals(rowsOf("claims").length, 11);
      assert(/^inverse \d+ %, .*counterfactual not measured: needs --probe.counterfactuals=LIST/.test(claims.get("§2")![0]), text);
      assertEquals(claims.get("§4.3"), ["not measured: needs --annotate.videos=DIR, unlabelled videos", "not measured"]);
      assert(/^L1 0\.\d+ against 0\.\d+ of [\w -]+; judge \d/.test(claims.get("A.3")![0]), text);

      // 2. Tables: rows of the base, of other systems, of people; what could not be read is named
      const actions = rowsOf("report/actions").filter(({ source, subset }) => source === "measured" && subset === "all");
      assertEquals(actions.map(({ system, n }) => `${system} ${n}`), ["C-ZS 5", "CDM 5", "VILA-U 2"]);
      const judged = rowsOf("report/judge").filter(({ source }) => source === "measured").map(({ system, scored }) =>
        `${system}: ${scored}`
      );
      assertEquals(judged, ["copy: 5 of 5", "GoT: 2 of 5", "C-ZS: 5 of 5", "C-FT: 5 of 5", "CWM without synthesis: 5 of 5"]);
      const skipped = Deno.readTextFileSync(`${folder}/paper/pictures/skipped.jsonl`);
      assert(skipped.includes('"GoT: something-2"') && skipped.includes('"GoT: kubric-4","reason":"it has no prediction"'), skipped);
      assert(
        Deno.readTextFileSync(`${folder}/paper/actions/skipped.jsonl`).includes("the bench has no trajectory"),
        "an extra id is silent",
      );
      const people = rowsOf("report/analysis").find(({ source }) => source === "measured")!;
      assertEquals([people["system"], people["votes"]], ["GoT", 3] as never);

      // 3. One page; which rows are filled, and what the others need
      const html = Deno.readTextFileSync(`${folder}/paper/report/report.html`);
      for (const part of ["this run only", "Table 7, people", "--systems=SmartEdit=DIR", "3 votes of 3 raters"]) {
        assert(html.includes(part), part);
      }
      assert(/Rows of the paper with one of ours beside them: \d+ and \d+ in part of 80/.test(html));

      // 4. Nothing twice; a picture more is measured
      const before = asked;
      const again = await reproduce("--dry-run");
      assert(again.code === 0 && again.text.split(" finished\n").length > 12 && !again.text.includes("to run"), again.text);
      Deno.writeFileSync(`${folder}/got/kubric-4.png`, Deno.readFileSync(`${folder}/got/ag-1.png`));
      const more = await reproduce("--dry-run");
      assert(/^pictures +deno task evaluate-images +to run again$/m.test(more.text) && asked === before, more.text);
      assert(exists(`${folder}/paper/c-ft/adapter`) && !exists(`${folder}/paper/cwm`));
    } finally {
      await server.shutdown();
    }
  }));

Deno.test("reproduce --config=paper.yaml without anything there lists what each stage needs, and refuses what the command line names in vain", () =>
  withFolder(async (folder) => {
    const here = (...args: string[]) => run("tasks/reproduce.ts", 9, folder, `--config=${ROOT}data/configs/paper.yaml`, ...args);
    const plan = await here("--dry-run", "--seeds=1,2,3");
    assertEquals(plan.code, 0, plan.text);
    assertEquals(plan.text.match(/^Seed \d, in runs\/paper\/paper-\d:$/gm)?.length, 3);
    assert(/^train-cdm +deno task train-cdm +left out: needs data\/anole-7b\/config\.json, which is not there/m.test(plan.text), plan.text);
    for (
      const [arg, said] of [
        ["--seeds=1,1", 'Cannot run the seeds "1,1"'],
        ["--seeds=none", 'Cannot run the seeds "none"'],
        [`--systems=GoT=${folder}/none`, "Cannot evaluate the system GoT: there is no folder"],
        [`--actions=VILA-U=${folder}/none`, "Cannot measure the actions of VILA-U: there is no file"],
        [`--votes=${folder}`, "it has no study.db"],
      ] as const
    ) {
      const { code, text } = await here(arg, "--dry-run");
      assert(code === 1 && text.includes(said) && !text.includes("    at "), text);
    }
  }));
