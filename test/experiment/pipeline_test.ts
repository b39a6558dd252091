import { resolveConfig } from "../../lib/experiment/config.ts";
import {
  adapterFolder,
  missingStages,
  outputsOf,
  passedArguments,
  runMissing,
  shardFolders,
  shardName,
} from "../../lib/experiment/pipeline.ts";
import { writeFile } from "../../lib/files.ts";
import { assertEquals, assertRejects, assertThrows, UserError, withFolder } from "../support.ts";

const config = resolveConfig(undefined, [{ key: "experiment", value: "no-such-experiment" }]);

Deno.test("shardFolders() joins the shards of a stage in order, and names those that are missing", () =>
  withFolder((folder) => {
    const stage = `${folder}/sample`;
    assertEquals(shardFolders(stage), [stage]);
    for (const i of [2, 0, 1]) writeFile(`${stage}-${i}-of-3/result.json`, "{}");
    assertEquals(shardFolders(stage), [0, 1, 2].map((i) => `${stage}-${i}-of-3`));
    writeFile(`${stage}-1-of-3/log.jsonl`, "");
    Deno.removeSync(`${stage}-1-of-3/result.json`);
    assertThrows(
      () => shardFolders(stage),
      UserError,
      `Cannot join the 3 shards of ${stage}: 1/3 is not finished; run "deno task sample --shard=1/3" first`,
    );
    writeFile(`${stage}/result.json`, "{}");
    assertEquals(shardFolders(stage), [stage]); // the whole stage comes before its shards
  }));

Deno.test("outputsOf() takes a name as a stage of the experiment, and anything else as a path", () => {
  assertEquals(outputsOf("filter", config), ["runs/no-such-experiment/filter/trajectories.jsonl"]);
  assertEquals(outputsOf("../filter", config), ["../filter"]);
  assertEquals([adapterFolder("train-cft", config), adapterFolder("x/adapter", config)], [
    "runs/no-such-experiment/train-cft/adapter",
    "x/adapter",
  ]);
  assertEquals([shardName("sample", "1/4"), shardName("sample", undefined)], ["sample-1-of-4", "sample"]);
});

Deno.test("outputsOf() takes a run's folder as what it left", () =>
  withFolder((folder) => {
    for (const [run, output] of [["cdm", "adapter/adapter_config.json"], ["filter", "trajectories.jsonl"]]) {
      writeFile(`${folder}/${run}/${output}`, "{}");
      assertEquals(outputsOf(`${folder}/${run}`, config), [`${folder}/${run}`]); // not a run: whose it is nobody knows
      writeFile(`${folder}/${run}/manifest.json`, "{}");
    }
    assertEquals(outputsOf(`${folder}/filter`, config), [`${folder}/filter/trajectories.jsonl`]);
    assertEquals(adapterFolder(`${folder}/cdm`, config), `${folder}/cdm/adapter`);
    assertEquals(adapterFolder(`${folder}/cdm/adapter`, config), `${folder}/cdm/adapter`);
    for (const shard of ["0-of-2", "1-of-2"]) {
      for (const file of ["manifest.json", "result.json", "trajectories.jsonl"]) writeFile(`${folder}/annotate-${shard}/${file}`, "{}");
    }
    assertEquals(
      outputsOf(`${folder}/annotate`, config),
      ["0-of-2", "1-of-2"].map((shard) => `${folder}/annotate-${shard}/trajectories.jsonl`),
    );
  }));

Deno.test("missingStages() names what would run first, by folder, and no paths", () => {
  const missing = missingStages(["train-cdm", "some/adapter", "base", "filter"], config);
  assertEquals(missing.map(({ task, folder }) => `${task} ${folder}`), [
    "train-cdm runs/no-such-experiment/train-cdm",
    "filter runs/no-such-experiment/filter",
  ]);
});

Deno.test("runMissing() refuses with --no-deps, and passes over paths", async () => {
  const invocation = { config, flags: { "no-deps": "" }, overrides: [] };
  await runMissing(["some/adapter", "base"], invocation);
  await assertRejects(() => runMissing(["train-cdm"], invocation), UserError, 'run "deno task train-cdm" first, or leave out --no-deps');
});

Deno.test("passedArguments() gives another stage the configuration, and no bench of its own", () => {
  const overrides = [{ key: "cwm.lr", value: "1" }, { key: "bench.aurora", value: "test.json" }];
  const args = passedArguments({
    config,
    overrides,
    flags: { config: "a.yaml", bench: "test.json", run: "x", restart: "", "allow-overlap": "" },
  });
  assertEquals(args, ["--config=a.yaml", "--allow-overlap", "--cwm.lr=1", "--bench.aurora=test.json"]);
});
