// @ts-types="../../lib/yaml.d.ts"
import { parse } from "@std/yaml";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { exists } from "../../lib/files.ts";
import { decodeImage } from "../../lib/tokens/mod.ts";
import { readAurora } from "../../lib/trajectories/mod.ts";
import { type Split, worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as {
  tasks: Record<string, { description: string; command: string }>;
};
const tiny = `${ROOT}data/configs/tiny.yaml`;
const scripts = Object.entries(tasks).map(([name, { command }]) => [name, /tasks\/(?!test|bench)\w+\.ts/.exec(command)?.[0]] as const)
  .filter(([, path]) => path !== undefined);

async function run(path: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}${path}`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** A value by its dotted key. */
function valueIn(values: unknown, key: string): unknown {
  return key.split(".").reduce((at, part) => (at as Record<string, unknown> | undefined)?.[part], values);
}

Deno.test("every task has a description and states its permissions", () => {
  for (const [name, { description, command }] of Object.entries(tasks)) {
    assert(description.length > 5, name);
    assert(name === "bench" || !/ -A | --allow-all /.test(command), `${name} takes all permissions`);
  }
});

for (const [name, path] of scripts) {
  Deno.test(`${name} --help shows the values in force, ${name} --sead=1 is refused in a sentence`, async () => {
    const help = await run(path!, "--help");
    assertEquals(help.code, 0, help.text);
    assert(help.text.includes(`deno task ${name}`) && help.text.includes("--dry-run") && help.text.includes("--seed=1"), help.text);
    const shown = [...help.text.matchAll(/^ {2}--([\w.]+)=(\S.*?) {2}\((default|tiny\.yaml|command line)\)/gm)];
    assert(shown.length > 1, help.text);
    for (const [, key, value, origin] of shown) {
      assertEquals(JSON.parse(value!), valueIn(resolveConfig(tiny, []), key!), `${name}: ${key}`);
      assertEquals(
        origin === "tiny.yaml",
        valueIn(parse(Deno.readTextFileSync(tiny)), key!) !== undefined,
        `${name}: the origin of ${key}`,
      );
    }
    const typo = await run(path!, "--sead=1");
    assertEquals(typo.code, 1);
    assert(typo.text.includes('there is no key "sead"; the nearest is "seed"'), typo.text);
  });
}

Deno.test("doctor --json names backend, memory and what is missing, and no home folder", async () => {
  const { code, text } = await run("tasks/doctor.ts", "--json");
  assertEquals(code, 0, text);
  const facts = JSON.parse(text);
  assert(typeof facts.backend === "string" && typeof facts.memory === "string" && Array.isArray(facts.missing));
  assert(!text.includes(Deno.env.get("HOME") ?? "/home/"), text);
});

Deno.test("pretrain-tiny runs from nothing to a checkpoint, and gates train on it, in the micro configuration", () =>
  withFolder(async (folder) => {
    const micro = `--config=${ROOT}data/configs/micro.yaml`;
    const { code, text } = await run("tasks/pretrain_tiny.ts", micro, `--run=${folder}/run`);
    if (text.includes("Cannot train from nothing on wasm")) return; // there is no libtensorflow on this machine
    assertEquals(code, 0, text);
    const gates = await run("tasks/gates.ts", micro, "--all", `--model.path=${folder}/run/model`, `--run=${folder}/gates`);
    assertEquals(gates.code, 0, gates.text);
    const table = Deno.readTextFileSync(`${folder}/gates/table.md`);
    assertEquals(table.trim().split("\n").length, 6, table);
    assert(gates.text.includes("Gate 4 world model (C-FT) FAILED"), gates.text); // four steps teach nothing
  }));

Deno.test("probe leaves a table in three formats, a result by subset, and a plot", () =>
  withFolder(async (folder) => {
    const args = [`--config=${ROOT}data/configs/micro.yaml`, `--run=${folder}/probe`];
    const { code, text } = await run("tasks/probe.ts", ...args);
    assertEquals(code, 0, text);
    const result = JSON.parse(Deno.readTextFileSync(`${folder}/probe/result.json`));
    assertEquals(Object.keys(result.preferences), ["all", "edit", "people", "manipulate", "spatial", "physics"]);
    const { n, prefers_reference: share, interval } = result.preferences.all.observation.inverse;
    assert(n === 10 && share >= interval[0] && share <= interval[1], JSON.stringify(result.preferences.all));
    for (const name of ["table.md", "table.csv", "table.json", "likelihoods.svg"]) assert(exists(`${folder}/probe/${name}`), name);
    await decodeImage(Deno.readFileSync(`${folder}/probe/likelihoods.png`), "likelihoods.png");
    const again = await run("tasks/probe.ts", ...args);
    assert(again.text.includes("is finished already"), again.text);
  }));

Deno.test("evaluate trains the dynamics model that is missing, or refuses, and leaves tables, actions and a picture", () =>
  withFolder(async (folder) => {
    const args = [`--config=${ROOT}data/configs/micro.yaml`, `--model.path=${ROOT}data/tiny`];
    const here = async (...more: string[]) => await run("tasks/evaluate_actions.ts", ...args, ...more, `--experiment=test-${Deno.pid}`);
    const refused = await here("--no-deps", `--run=${folder}/evaluate`);
    assert(refused.code === 1 && refused.text.includes('run "deno task train-cdm" first'), refused.text);
    const bench = `${folder}/bench.json`; // one entry has no target, one no action
    Deno.writeTextFileSync(bench, JSON.stringify([{ input: "a.png" }, { input: "a.png", output: "a.png", instruction: " " }]));
    const nothing = await here(`--bench=${bench}`, "--evaluate.dynamics=[base]", `--run=${folder}/nothing`);
    assert(nothing.code === 1 && nothing.text.includes("the data set is empty"), nothing.text);
    try {
      const { code, text } = await here(`--run=${folder}/evaluate`);
      assertEquals(code, 0, text);
      assert(text.includes("running train-cdm first"), text);
      const { dynamics, signatures } = JSON.parse(Deno.readTextFileSync(`${folder}/evaluate/result.json`));
      assertEquals([dynamics.base.all.n, dynamics["train-cdm"].physics.n, dynamics.base.all.bert_score], [10, 2, null]);
      assert(signatures.bert_score.startsWith("left out"), signatures.bert_score);
      assertEquals(Deno.readTextFileSync(`${folder}/evaluate/actions/train-cdm.jsonl`).trim().split("\n").length, 10);
      await decodeImage(Deno.readFileSync(`${folder}/evaluate/actions.png`), "actions.png");
    } finally {
      await Deno.remove(`${ROOT}runs/test-${Deno.pid}`, { recursive: true });
    }
  }));

Deno.test("evaluate-actions knows another base at the same path, whatever its systems are named", () =>
  withFolder(async (folder) => {
    const model = `${folder}/tiny`;
    await new Deno.Command("cp", { args: ["-r", `${ROOT}data/tiny`, model] }).output();
    const evaluate = async () =>
      await run(
        "tasks/evaluate_actions.ts",
        ...[`--config=${ROOT}data/configs/micro.yaml`, `--model.path=${model}`, "--bench.world=2", `--run=${folder}/run`],
        "--evaluate.dynamics=[base, bench=base]",
      );
    const first = await evaluate();
    assertEquals(first.code, 0, first.text);
    const { inputs } = JSON.parse(Deno.readTextFileSync(`${folder}/run/manifest.json`)) as { inputs: Record<string, string> };
    assertEquals(Object.keys(inputs), ["base", "bench", "dynamics model base", "dynamics model bench"]);
    assertEquals(Object.values(inputs).map((digest) => digest === "none"), [false, false, true, true]);
    const again = await evaluate();
    assert(again.code === 0 && again.text.includes("is finished already"), again.text);
    const weights = Deno.readFileSync(`${model}/model.safetensors`);
    const start = 8 + Number(new DataView(weights.buffer).getBigUint64(0, true)); // of the first tensor
    weights[start]! ^= 1;
    Deno.writeFileSync(`${model}/model.safetensors`, weights);
    const replaced = await evaluate();
    assert(replaced.code === 1 && replaced.text.includes('begun with another config: "inputs.base" was'), replaced.text);
  }));

/** A copy of a finished run in `cut`, as if it had been killed after its first batch, while it wrote the second. */
async function cutCopy(folder: string, whole: string, parts: readonly string[]): Promise<void> {
  Deno.mkdirSync(`${folder}/cut/parts/000`, { recursive: true });
  const manifest = JSON.parse(Deno.readTextFileSync(`${folder}/${whole}/manifest.json`));
  Deno.writeTextFileSync(`${folder}/cut/manifest.json`, JSON.stringify({ ...manifest, finished: null }));
  Deno.copyFileSync(`${folder}/${whole}/parts/000/000.jsonl`, `${folder}/cut/parts/000/000.jsonl`);
  Deno.writeTextFileSync(`${folder}/cut/parts/000/001.jsonl.123.tmp`, "{");
  for (const part of parts) await new Deno.Command("cp", { args: ["-r", `${folder}/${whole}/${part}`, `${folder}/cut/`] }).output();
}

Deno.test("annotate goes on where it was stopped, filter keeps half, and train-cwm takes what is left", () =>
  withFolder(async (folder) => {
    const micro = [`--config=${ROOT}data/configs/micro.yaml`, `--experiment=test-${Deno.pid}-annotate`];
    const annotate = async (name: string) =>
      await run("tasks/annotate.ts", ...micro, "--annotate.world=10", "--annotate.videosAtOnce=4", `--run=${folder}/${name}`);
    try {
      const whole = await annotate("whole");
      assertEquals(whole.code, 0, whole.text);
      const path = `${folder}/whole/trajectories.jsonl`;
      await cutCopy(folder, "whole", ["frames", "videos"]);
      assertEquals((await annotate("cut")).code, 0);
      assertEquals(Deno.readTextFileSync(`${folder}/cut/trajectories.jsonl`), Deno.readTextFileSync(path)); // bit for bit
      const filtered = await run("tasks/filter.ts", ...micro, `--filter.trajectories=${path}`, `--run=${folder}/filter`);
      assertEquals(filtered.code, 0, filtered.text);
      const { annotated, filtered: kept } = JSON.parse(Deno.readTextFileSync(`${folder}/filter/result.json`));
      assertEquals(kept, Math.round(annotated / 2));
      for (const name of ["gallery.html", "scores.png", "classes.png", "classes.csv", "table.md"]) {
        assert(
          exists(`${folder}/filter/${name}`),
          name,
        );
      }
      const trained = await run(
        "tasks/train_cwm.ts",
        ...micro,
        `--cwm.synthetic=${folder}/filter/trajectories.jsonl`,
        `--run=${folder}/cwm`,
      );
      assertEquals(trained.code, 0, trained.text);
      assert(trained.text.includes(`${32 + kept} trajectories`), trained.text);
    } finally {
      await Deno.remove(`${ROOT}runs/test-${Deno.pid}-annotate`, { recursive: true }).catch(() => {});
    }
  }));

Deno.test("sample, verify and rollout leave what they promise, go on where they were stopped, and refuse another base", () =>
  withFolder(async (folder) => {
    const micro = [`--config=${ROOT}data/configs/micro.yaml`];
    for (const task of ["cdm", "cwm"]) assertEquals((await run(`tasks/train_${task}.ts`, ...micro, `--run=${folder}/${task}`)).code, 0);
    const adapter = `${folder}/cwm/adapter`;
    const sample = async (name: string) =>
      await run(
        "tasks/sample.ts",
        ...micro,
        "--sample.batch=4",
        `--sample.adapter=${adapter}`,
        `--run=${folder}/${name}`,
      );
    const whole = await sample("sample");
    assertEquals(whole.code, 0, whole.text);
    const lines = Deno.readTextFileSync(`${folder}/sample/predictions.jsonl`).split("\n");
    assertEquals(lines.length, 11);
    const { image, logLikelihood } = JSON.parse(lines[0]!);
    assert(logLikelihood < 0);
    await decodeImage(Deno.readFileSync(`${folder}/sample/${image}`), image);
    await cutCopy(folder, "sample", ["images"]);
    assertEquals((await sample("cut")).code, 0);
    const images = (name: string) =>
      [...Deno.readDirSync(`${folder}/${name}/images`)].map((file) => Deno.readFileSync(`${folder}/${name}/images/${file.name}`));
    assertEquals(images("cut"), images("sample"));
    assertEquals(Deno.readTextFileSync(`${folder}/cut/predictions.jsonl`).split("\n"), lines);

    const models = [`--verify.adapter=${adapter}`, `--verify.cdm=${folder}/cdm/adapter`];
    const verify = await run(
      "tasks/verify.ts",
      ...micro,
      ...models,
      "--verify.candidates=3",
      "--verify.repeats=2",
      `--run=${folder}/verify`,
    );
    assertEquals(verify.code, 0, verify.text);
    const { curves } = JSON.parse(Deno.readTextFileSync(`${folder}/verify/result.json`));
    assertEquals(curves.map(({ N }: { N: number }) => N), [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    assertEquals(curves[0].score, curves[3].score); // one candidate leaves no choice
    assert(Math.abs(curves[6].score - curves[0].score) < 1e-9, "one at random is one candidate");
    assert(curves[5].score >= curves[2].score, "the oracle is the best verifier");
    assertEquals(Deno.readTextFileSync(`${folder}/verify/candidates.jsonl`).trim().split("\n").length, 60);
    for (const file of ["curves.png", "pools/1.png", "images/1"]) assert(exists(`${folder}/verify/${file}`), file);
    const trained = JSON.parse(Deno.readTextFileSync(`${folder}/cdm/manifest.json`));
    Deno.writeTextFileSync(`${folder}/cdm/manifest.json`, JSON.stringify({ ...trained, inputs: { base: "another" } }));
    const other = await run("tasks/verify.ts", ...micro, ...models, `--run=${folder}/other`);
    assert(other.code === 1 && other.text.includes("it was trained on another base (another)") && !exists(`${folder}/other`), other.text);

    const roll = await run(
      "tasks/rollout.ts",
      ...micro,
      `--rollout.adapter=${adapter}`,
      "--rollout.rollouts=2",
      "--rollout.length=2",
      `--run=${folder}/rollout`,
    );
    assertEquals(roll.code, 0, roll.text);
    for (const file of ["strips/1.png", "videos/1.mp4", "tree.png", "drift.png"]) assert(exists(`${folder}/rollout/${file}`), file);
    Deno.writeTextFileSync(`${folder}/no.png`, "no picture");
    const wrong = await run(
      "tasks/rollout.ts",
      ...micro,
      `--rollout.image=${folder}/no.png`,
      "--rollout.actions=[go]",
      `--run=${folder}/wrong`,
    );
    assert(wrong.code === 1 && wrong.text.includes("no.png") && !exists(`${folder}/wrong`), wrong.text);
  }));

Deno.test("reproduce runs the whole paper in the micro configuration, says what holds, and runs nothing twice", () =>
  withFolder(async (folder) => {
    const args = [`--config=${ROOT}data/configs/micro.yaml`, `--run=${folder}/paper`];
    const { code, text } = await run("tasks/reproduce.ts", ...args);
    assertEquals(code, 0, text);
    const claims = JSON.parse(Deno.readTextFileSync(`${folder}/paper/claims.json`)) as { claim: string; holds: string }[];
    assertEquals(claims.length, 11);
    assert(claims.some(({ holds }) => holds !== "yes"), "four steps teach nothing");
    const html = Deno.readTextFileSync(`${folder}/paper/report/report.html`);
    assert(!/(src|href)=["']?(?!data:)\w/.test(html.replaceAll(/src="data:[^"]*"/g, "")), "the report asks for something outside it");
    assert(html.includes('class="item"') && html.includes("CWM without weights"));
    const again = await run("tasks/reproduce.ts", ...args);
    assert(again.code === 0 && again.text.split("is finished already").length > 15, again.text);
    const judge = async (...more: string[]) => await run("tasks/judge.ts", `--config=${ROOT}data/configs/micro.yaml`, ...more);
    const dry = await judge("--systems=copy", "--judge.model=gpt-4o-2024-11-20", "--dry-run");
    assert(dry.code === 0 && /10 calls of gpt-4o-2024-11-20, about \d+ \+ 500 tokens, 0\.\d\d US dollars/.test(dry.text), dry.text);
    const keyless = await judge("--systems=copy", "--judge.model=gpt-4o-2024-11-20", `--run=${folder}/judge`);
    assert(keyless.code === 1 && keyless.text.includes("OPENAI_API_KEY is not set") && !exists(`${folder}/judge`), keyless.text);
    const none = await judge();
    assert(none.code === 1 && none.text.includes("Cannot judge without systems"), none.text);
  }));

Deno.test("export-world writes lists that readAurora() reads, videos, and a picture; and overwrites nothing", () =>
  withFolder(async (folder) => {
    const args = [`--config=${ROOT}data/configs/micro.yaml`, `--out=${folder}/world`];
    const { code, text } = await run("tasks/export_world.ts", ...args);
    assertEquals(code, 0, text);
    const { trajectories, problems } = readAurora(`${folder}/world/train/list.json`);
    assertEquals([trajectories.length, problems], [32, []]);
    const [drawn] = worldTrajectories("easy", 1, "train", 1);
    assertEquals(await trajectories[0]!.target.load(), await drawn!.target.load());
    assertEquals([trajectories[0]!.subset, trajectories[0]!.action], [drawn!.subset, drawn!.action]);
    const classes = JSON.parse(Deno.readTextFileSync(`${folder}/world/videos/classes.json`));
    for (const name of Object.keys(classes)) assert(Deno.statSync(`${folder}/world/videos/${name}`).size > 500, name);
    await decodeImage(Deno.readFileSync(`${folder}/world/world.png`), "world.png");
    const again = await run("tasks/export_world.ts", ...args);
    assert(again.code === 0 && again.text.includes("This very world is there already"), again.text);
    const other = await run("tasks/export_world.ts", ...args, "--seed=2");
    assert(other.code === 1 && other.text.includes("another world is there already"), other.text);
    Deno.writeTextFileSync(`${folder}/world/videos/of-before.mp4`, "");
    const anew = await run("tasks/export_world.ts", ...args, "--restart", "--seed=2", "--export.bench=0", "--export.videos=2");
    assertEquals(anew.code, 0, anew.text);
    assertEquals([...Deno.readDirSync(`${folder}/world/videos`)].filter(({ name }) => name.endsWith(".mp4")).length, 2);
    assertEquals(readAurora(`${folder}/world/train/list.json`).trajectories.length, 32);
  }));

Deno.test("export-world writes the configured regime's lists, and the simulated one where there is one", () =>
  withFolder(async (folder) => {
    const counts = ["--data.world=6", "--data.simulated=2", "--export.validation=1", "--export.videos=1"];
    const { code, text } = await run(
      "tasks/export_world.ts",
      ...[`--config=${ROOT}data/configs/micro.yaml`, ...counts, "--data.regime=scarce", `--out=${folder}/world`],
    );
    assertEquals(code, 0, text);
    assert(text.includes("19 trajectories in") && text.includes("/{train,simulated,validation,bench}/list.json, 1 videos"), text);
    for (const [split, count] of Object.entries({ train: 6, simulated: 2, validation: 1, bench: 10 })) {
      const { trajectories } = readAurora(`${folder}/world/${split}/list.json`);
      const drawn = worldTrajectories("easy", 1, split as Split, count, "scarce");
      assertEquals(trajectories.map(({ subset, action }) => [subset, action]), drawn.map(({ subset, action }) => [subset, action]));
      assertEquals(await trajectories[0]!.target.load(), await drawn[0]!.target.load());
    }
  }));
