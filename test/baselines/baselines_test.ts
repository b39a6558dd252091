/** The baselines' runners: the shared part with a fake model, SmartEdit, VILA-U and GoT against stand-ins of their programs. */
import { exists, fileNameOf, plainName } from "../../lib/files.ts";
import { openSystem } from "../../lib/judge/systems.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { joinLists, readAurora, type Trajectory } from "../../lib/trajectories/mod.ts";
import { assert, assertEquals, sharedData, withFolder } from "../support.ts";

const HERE = new URL(".", import.meta.url).pathname;
const ROOT = new URL("../..", import.meta.url).pathname;
const hasPython = await runs("python3", "-c", "import sys; assert sys.version_info >= (3, 9)");
const hasDiffusers = hasPython && await runs("python3", "-c", "import torch, diffusers, transformers, PIL");
if (!hasPython) console.warn("skipped: there is no python3 of version 3.9 or later");
else if (!hasDiffusers) console.warn("skipped: python3 has no torch, diffusers and transformers for a random InstructPix2Pix");

async function runs(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

async function python(env: Readonly<Record<string, string>>, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command("python3", { args, env: { PYTHONDONTWRITEBYTECODE: "1", ...env } }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** Two lists of a bench: the second has ids of the first, and both have entries that cannot be used. */
async function writeBench(folder: string): Promise<{ lists: string[]; trajectories: readonly Trajectory[] }> {
  const entries: unknown[] = [];
  Deno.mkdirSync(`${folder}/data/images`, { recursive: true });
  for (let i = 0; i < 6; i++) {
    const data = new Uint8Array(48 * 32 * 3).fill(40 * i);
    Deno.writeFileSync(`${folder}/data/images/${i}.png`, await encodePng({ width: 48, height: 32, data }));
    entries.push({ input: `../../images/${i}.png`, output: `images/${(i + 1) % 6}.png`, instruction: `put ${i}\n away `, task: "ag é/x" });
  }
  const odd = [{ input: "images/1.png" }, "x", null, { input: "images/0.png", output: "images/no.png", instruction: "go" }];
  const lists = [`${folder}/data/test.json`, `${folder}/data/more.json`];
  Deno.writeTextFileSync(lists[0]!, JSON.stringify([...odd, ...entries]));
  const others = entries.map((entry) => ({ ...entry as object, instruction: ["turn it round", "x"] }));
  Deno.writeTextFileSync(
    lists[1]!,
    JSON.stringify([...odd, ...others.slice(0, 2), { input: "images/0.png", output: "images/1.png", instruction: "go" }]),
  );
  return { lists, trajectories: joinLists(lists.map((list) => readAurora(list))).trajectories };
}

function linesOf(path: string): Record<string, string>[] {
  return Deno.readTextFileSync(path).trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test({
  name: "a baseline's ids and actions are those of readAurora(), and its pictures those that openSystem() and evaluate-images read",
  ignore: !hasPython,
  fn: () =>
    withFolder(async (folder) => {
      const { lists, trajectories } = await writeBench(folder);
      const { code, text } = await python({}, `${HERE}fake_model.py`, "--bench", ...lists, "--out", `${folder}/out`);
      assertEquals(code, 0, text);
      const lines = linesOf(`${folder}/out/predictions.jsonl`);
      assertEquals(
        lines.map(({ id, subset, action }) => ({ id, subset, action })),
        trajectories.map(({ id, subset, action }) => ({ id, subset, action })),
      );
      const system = openSystem(`fake=${folder}/out`);
      for (const trajectory of trajectories) assertEquals(await system.predict(trajectory), await trajectory.source.load());
      const evaluated = await new Deno.Command(Deno.execPath(), {
        args: [
          ...[
            "run",
            "-A",
            `${ROOT}tasks/evaluate_images.ts`,
            `--bench=${lists[0]}`,
            "--allow-missing",
            `--systems=copy,fake=${folder}/out`,
          ],
          `--run=${folder}/evaluated`,
        ],
        ...{ cwd: ROOT, env: { NO_COLOR: "1" } },
      }).output();
      assertEquals(evaluated.code, 0, new TextDecoder().decode(evaluated.stderr));
      const { systems } = JSON.parse(Deno.readTextFileSync(`${folder}/evaluated/result.json`));
      assertEquals(systems.fake, systems.copy);
      assertEquals(systems.fake.all.l1_paper.n, 6);
    }),
});

Deno.test({
  name: "a baseline names files as fileNameOf() does, and subsets as plainName()",
  ignore: !hasPython,
  fn: async () => {
    const letters = ["跳", "\u{20000}", "é", "e\u0301", "हिं", "x"];
    const texts = ["ag-0@1", "a b/c", "a/b c", "..", "~", "\u{1f600}\u200b", "½Ⅷ٣²", ...letters.flatMap((one) => [one, one.repeat(199)])];
    const script = "import json, common; print(json.dumps([[common.file_name(t), common.plain_name(t)] for t in json.loads(sys.argv[1])]))";
    const { code, text } = await python({ PYTHONPATH: `${ROOT}baselines` }, "-c", `import sys; ${script}`, JSON.stringify(texts));
    assertEquals(code, 0, text);
    assertEquals(JSON.parse(text), texts.map((one) => [fileNameOf(one), plainName(one)]));
  },
});

Deno.test({
  name: "a baseline's ids, subsets and actions are those of readAurora() on Aurora-Bench itself",
  ignore: !hasPython || sharedData() === undefined,
  fn: () =>
    withFolder(async (folder) => {
      const list = `${sharedData()}/aurora-bench/test.json`;
      const { code, text } = await python({}, `${HERE}fake_model.py`, "--bench", list, "--out", folder);
      assertEquals(code, 0, text);
      const told = ({ id, subset, action }: Trajectory | Record<string, string>) => ({ id, subset, action });
      assertEquals(linesOf(`${folder}/predictions.jsonl`).map(told), readAurora(list).trajectories.map(told));
    }),
});

Deno.test({
  name: "a baseline that was killed goes on, names what failed, tries it again, and repeats nothing",
  ignore: !hasPython,
  fn: () =>
    withFolder(async (folder) => {
      const { lists, trajectories } = await writeBench(folder);
      const start = (env: Record<string, string>) => python(env, `${HERE}fake_model.py`, "--bench", lists[0]!, "--out", `${folder}/out`);
      const [first, second, third] = trajectories.map(({ id }) => id);
      assert((await start({ KILL: third! })).code !== 0);
      const log = `${folder}/out/predictions.jsonl`;
      assertEquals(linesOf(log).map(({ id }) => id), [first, second]);
      Deno.writeTextFileSync(log, '{"id": "cut o', { append: true }); // as if it had been killed while a line was written
      Deno.removeSync(`${folder}/out/images/${first!.replaceAll("/", "_")}.png`); // a second drawing of it would bring it back
      const failed = await start({ FAIL: third! });
      assertEquals(failed.code, 1);
      assert(/1 failed, the first with ValueError: cannot draw with seed \d+; see failed\.jsonl/.test(failed.text), failed.text);
      assertEquals(linesOf(`${folder}/out/failed.jsonl`).map(({ id }) => id), [third]);
      const { code, text } = await start({});
      assertEquals(code, 0, text);
      assertEquals(linesOf(log).map(({ id }) => id).toSorted(), trajectories.slice(0, 6).map(({ id }) => id).toSorted());
      assertEquals([exists(`${folder}/out/images/${first}.png`), Deno.readTextFileSync(`${folder}/out/failed.jsonl`)], [false, ""]);
      assertEquals([...Deno.readDirSync(`${folder}/out/images`)].filter(({ name }) => name.includes("tmp")), []);
      const none = await python({}, `${HERE}fake_model.py`, "--bench", `${folder}/no.json`, "--out", `${folder}/none`);
      assert(none.code === 1 && none.text.includes("Cannot read") && none.text.trim().split("\n").length === 1, none.text);
    }),
});

Deno.test({
  name: "smart_edit.py lays the bench out as the authors' script reads it, and takes what that leaves",
  ignore: !hasPython,
  fn: () =>
    withFolder(async (folder) => {
      const { lists, trajectories } = await writeBench(folder);
      Deno.mkdirSync(`${folder}/checkout/test`, { recursive: true });
      Deno.writeTextFileSync( // what the authors' script does with its arguments, folders and names, without its models
        `${folder}/checkout/test/DS_SmartEdit_test.py`,
        [
          "import argparse, glob, os, shutil",
          "arguments = argparse.ArgumentParser()",
          "for name in ['is_reasoning_scenes', 'steps', 'sd_qformer_version', 'resize_resolution', 'model_name_or_path', 'LLaVA_model_path',",
          "             'total_dir', 'ReasonEdit_benckmark_dir', 'save_dir']:",
          "    arguments.add_argument('--' + name, required=True)",
          "args = arguments.parse_args()",
          "assert os.environ['PYTHONPATH'] == os.getcwd()",
          "scenes = args.ReasonEdit_benckmark_dir + '/6-Reasoning'",
          "prompts = [line.split('CLIP: ')[0].rstrip() for line in open(scenes + '/Reason_test.txt')]",
          "os.makedirs(args.save_dir + '/Reasoning_metrics_1')",
          "for idx, path in enumerate(sorted(glob.glob(scenes + '/*.png'))):",
          "    assert prompts[idx] == f'put {idx} away', prompts",
          "    shutil.copyfile(path, args.save_dir + '/Reasoning_metrics_1/' + f'{(idx + 1):04d}_T%s_I%s.png' % (7.5, 1.5))",
        ].join("\n"),
      );
      const args = [`${ROOT}baselines/smart_edit.py`, "--checkout", `${folder}/checkout`, "--bench", lists[0]!, "--out", `${folder}/out`];
      const { code, text } = await python({}, ...args);
      assertEquals(code, 0, text);
      const system = openSystem(`SE=${folder}/out`);
      for (const trajectory of trajectories.slice(0, 6)) assertEquals(await system.predict(trajectory), await trajectory.source.load());
      assertEquals([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).toSorted(), [
        "failed.jsonl",
        "images",
        "predictions.jsonl",
      ]);
      Deno.removeSync(`${folder}/checkout`, { recursive: true });
      assertEquals((await python({}, ...args)).code, 0); // all is done: the script is not started
    }),
});

Deno.test({
  name: "vila_u_actions.py asks for the action between the two images, and writes a line an id",
  ignore: !hasPython,
  fn: () =>
    withFolder(async (folder) => {
      const { lists, trajectories } = await writeBench(folder);
      Deno.mkdirSync(`${folder}/module`);
      Deno.writeTextFileSync( // the part of VILA-U's interface that is called
        `${folder}/module/vila_u.py`,
        [
          "import types",
          "class Image:",
          "    def __init__(self, path): self.path = path",
          "class Model:",
          "    default_generation_config = types.SimpleNamespace(do_sample=True)",
          "    def generate_content(self, prompt, config):",
          "        assert not config.do_sample and config.max_new_tokens == 32",
          "        source, target, question = prompt",
          "        return f' from {source.path[-5]} to {target.path[-5]}: {question}\\n'",
          "def load(path): return Model()",
        ].join("\n"),
      );
      const args = [`${ROOT}baselines/vila_u_actions.py`, "--model", "vila-u-7b-256", "--bench", lists[0]!, "--out", `${folder}/out`];
      const { code, text } = await python({ PYTHONPATH: `${folder}/module` }, ...args);
      assertEquals(code, 0, text);
      const lines = linesOf(`${folder}/out/actions.jsonl`);
      assertEquals(lines.map(({ id }) => id), trajectories.slice(0, 6).map(({ id }) => id));
      assertEquals(lines[5]!["action"], "from 5 to 0: What action leads from the first image to the second?");
    }),
});

Deno.test({
  name:
    "got_edit.py puts GoT together as its class takes it, seeds both of its random numbers, and refuses a checkpoint that lacks a weight",
  ignore: !hasPython,
  fn: () =>
    withFolder(async (folder) => {
      const { lists, trajectories } = await writeBench(folder);
      const checkout = `${folder}/GoT`;
      const start = (out: string, lacks = "") => {
        const args = [`${ROOT}baselines/got_edit.py`, "--checkout", checkout, "--bench", lists[0]!, "--out", `${folder}/${out}`];
        return python({ PYTHONPATH: `${folder}/libraries`, LACKS: lacks }, ...args, "--limit", "3");
      };
      const made = await python({}, `${HERE}make_fake_got.py`, checkout, `${folder}/libraries`);
      assertEquals(made.code, 0, made.text);
      const { code, text } = await start("out");
      assertEquals([code, text.includes("its reasoning ended without a picture")], [1, true], text); // that of the third action
      const system = openSystem(`GoT=${folder}/out`);
      for (const trajectory of trajectories.slice(0, 2)) assertEquals(await system.predict(trajectory), await trajectory.source.load());
      const random = await start("random", "unet.weight");
      assert(random.code === 1 && /lacks 1 weights, the first unet\.weight/.test(random.text), random.text);
    }),
});

Deno.test({
  name: "instruct_pix2pix.py draws a bench with a random pipeline of the real architecture, and the same again for the same seed",
  ignore: !hasDiffusers,
  fn: () =>
    withFolder(async (folder) => {
      const { lists, trajectories } = await writeBench(folder);
      const made = await python({}, `${HERE}make_tiny_pix2pix.py`, `${folder}/model`);
      assertEquals(made.code, 0, made.text);
      const run = async (out: string, ...more: string[]) => {
        const args = [
          "--model",
          `${folder}/model`,
          "--steps",
          "2",
          "--resolution",
          "96",
          "--bench",
          lists[0]!,
          "--out",
          `${folder}/${out}`,
        ];
        const { code, text } = await python({}, `${ROOT}baselines/instruct_pix2pix.py`, ...args, ...more);
        assertEquals(code, 0, text);
        return openSystem(`${folder}/${out}`);
      };
      const [first, again, other] = [
        await run("first", "--limit", "2"),
        await run("again", "--limit", "1"),
        await run("other", "--limit", "1", "--seed", "2"),
      ];
      const picture = await first.predict(trajectories[0]!);
      assertEquals([picture!.width, picture!.height], [64, 64]);
      assertEquals(await again.predict(trajectories[0]!), picture);
      assert(`${(await other.predict(trajectories[0]!))!.data}` !== `${picture!.data}`);
    }),
});
