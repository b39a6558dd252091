import { readAnnotated } from "../../lib/synthesis/mod.ts";
import { readValidation } from "../../lib/train/validation.ts";
import { writeMp4 } from "../../lib/video/mod.ts";
import { FRAME_RATE, renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function run(path: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}${path}`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, `${path} ${args.join(" ")}\n${text}`);
  return text;
}

/** Videos of the tiny world as three data sets, in folders by class: 6, 5 and 3. */
async function writeDataSets(folder: string): Promise<string> {
  const videos = worldVideos("default", 1, 60).filter(({ kind }) => kind === "action");
  let next = 0;
  for (const [set, count] of [["mit", 6], ["ucf", 5], ["kinetics", 3]] as const) {
    for (const video of videos.slice(next, next + count)) {
      Deno.mkdirSync(`${folder}/${set}/${video.label}`, { recursive: true });
      await writeMp4(`${folder}/${set}/${video.label}/${video.id}.mp4`, await renderVideo(video), FRAME_RATE);
    }
    next += count;
  }
  const sets = ["mit: { videos: $/mit, clips: 4 }", "ucf: { videos: $/ucf, hours: 0.001 }", "kinetics: { videos: $/kinetics }"];
  const yaml = Deno.readTextFileSync(`${ROOT}data/configs/micro.yaml`).replace(/\nannotate:[^]*?\n\n/, "\n\n");
  const literal = ["temperature: 1", "pairs: peaks", "bursts: 3", "least: 0", "share: 0", "interval: 0.5", "videosAtOnce: 3"];
  const lines = [
    "annotate:",
    ...literal.map((line) => `  ${line}`),
    "  datasets:",
    ...sets.map((set) => `    ${set.replace("$", folder)}`),
  ];
  const words = ["filter: { keep: 2, likelihood: sum }", "probe: { likelihood: sum, head: all }"];
  Deno.writeTextFileSync(`${folder}/three.yaml`, `${yaml}\n${[...lines, ...words].join("\n")}\n`);
  return `${folder}/three.yaml`;
}

Deno.test("three data sets by one command each: annotated in shards as in one, filtered by set, trained on, and in Table 4", () =>
  withFolder(async (folder) => {
    const experiment = `test-${Deno.pid}-data-sets`;
    const runs = `${ROOT}runs/${experiment}`;
    const config = [`--config=${await writeDataSets(folder)}`, `--experiment=${experiment}`];
    try {
      const said = await run("tasks/annotate.ts", ...config, "--shard=0/2");
      const [, ucf] = /Videos: 4 of mit, (\d) of ucf, 3 of kinetics/.exec(said) ?? [];
      assert(["1", "2"].includes(ucf!), said); // 3.6 seconds
      await run("tasks/annotate.ts", ...config, "--shard=1/2");
      await run("tasks/annotate.ts", ...config, `--run=${folder}/whole`);
      const parts = [0, 1].flatMap((i) => readAnnotated(`${runs}/annotate-${i}-of-2/trajectories.jsonl`));
      const whole = readAnnotated(`${folder}/whole/trajectories.jsonl`);
      assertEquals(parts.toSorted((a, b) => a.batch! - b.batch!), whole); // bit for bit
      assert(whole.every(({ id, dataset, sum }) => id.startsWith(`${dataset}/`) && sum! < 0));

      await run("tasks/filter.ts", ...config); // joins the shards
      await run("tasks/filter.ts", ...config, `--filter.trajectories=${folder}/whole/trajectories.jsonl`, `--run=${folder}/filter`);
      const [joined, single] = [`${runs}/filter`, `${folder}/filter`].map((path) => Deno.readTextFileSync(`${path}/trajectories.jsonl`));
      assertEquals(joined, single);
      const { datasets } = JSON.parse(Deno.readTextFileSync(`${runs}/filter/result.json`));
      const counts = Map.groupBy(whole, ({ dataset }) => dataset!);
      const expected = [...counts].map(([name, own]) => [name, own.length, Math.min(2, own.length)]).toSorted();
      const rows = datasets as Record<string, unknown>[];
      const of = (name: string, stage: string) => rows.find((row) => row["data set"] === name && row["trajectories"] === stage)!["samples"];
      assertEquals([...counts.keys()].map((name) => [name, of(name, "annotated"), of(name, "filtered")]).toSorted(), expected);
      const kept = readAnnotated(`${runs}/filter/trajectories.jsonl`);
      assertEquals(kept.length, of("all", "filtered"));
      assert(whole.length > kept.length, "there is nothing to filter");
      assert(kept.every(({ score, sum }) => score === sum), "it was not ranked by the sum");

      const literal = ["--cwm.head=all", "--cwm.normalise=none", "--cwm.floor=0", "--cwm.validation=0.25", "--cwm.validateEvery=2"];
      const trained = await run("tasks/train_cwm.ts", ...config, "--cwm.synthetic=filter", ...literal);
      assert(trained.includes(`${32 + kept.length} trajectories`), trained);
      assertEquals(readValidation(`${runs}/train-cwm`).map(({ step }) => step), [2, 4]);
      const { validation } = JSON.parse(Deno.readTextFileSync(`${runs}/train-cwm/result.json`));
      assertEquals(validation, readValidation(`${runs}/train-cwm`).at(-1)!.loss);
      const probed = await run("tasks/probe.ts", ...config, "--probe.adapter=train-cwm");
      assert(probed.includes("counterfactual"), probed);
    } finally {
      await Deno.remove(runs, { recursive: true }).catch(() => {});
    }
  }));

Deno.test("with cwm.epic=false EPIC-Kitchens is the dynamics model's alone, and train-cwm never opens it", async () => {
  const tiny = ["--dry-run", "--data.world=4", "--bench.world=4", "--data.epic=no/such/file.csv"];
  const said = await run("tasks/train_cwm.ts", ...tiny, "--cwm.epic=false");
  assert(said.includes("Training on 4 trajectories of the tiny world"), said);
  for (const [task, arg] of [["cwm", "--cwm.epic=true"], ["cdm", "--cwm.epic=false"]]) {
    const error = await run(`tasks/train_${task}.ts`, ...tiny, arg!).catch(({ message }) => message as string);
    assert(error.includes("no/such/file.csv"), error);
  }
});
