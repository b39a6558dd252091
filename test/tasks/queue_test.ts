import { NO_SERVER, withServer } from "../queue/support.ts";
import { assert, assertEquals } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

async function run(task: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const options = { args: ["run", "-A", "--no-check", `${ROOT}tasks/${task}.ts`, ...args], cwd: ROOT, env: { NO_COLOR: "1" } };
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test({
  name: "annotate, sample and verify leave the same files by workers of a queue as by one process, and queue status shows the run",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address, folder) => {
      const stages = [
        { task: "annotate", args: ["--annotate.cdm=base", "--annotate.world=6", "--annotate.videosAtOnce=2"], output: "trajectories" },
        { task: "sample", args: ["--sample.adapter=base", "--sample.batch=3"], output: "predictions" },
        {
          ...{ task: "verify", output: "candidates" },
          args: ["--verify.adapter=base", "--verify.cdm=base", "--verify.together=4", "--verify.repeats=2"],
        },
      ];
      for (const { task, args, output } of stages) {
        const here = (name: string) => [`--config=${ROOT}data/configs/micro.yaml`, ...args, `--run=${folder}/${task}-${name}`];
        const two = await Promise.all([1, 2].map(() => run(task, ...here("queue"), `--queue=${address}`)));
        for (const { code, text } of two) assertEquals(code, 0, text);
        assert(
          two.some(({ text }) => text.includes("another worker has put it together") || text.includes("is finished already")),
          two[0]!.text,
        );
        const whole = await run(task, ...here("whole"));
        assertEquals(whole.code, 0, whole.text);
        for (const file of [`${output}.jsonl`, "result.json"]) {
          const [shared, single] = ["queue", "whole"].map((name) => Deno.readTextFileSync(`${folder}/${task}-${name}/${file}`));
          assertEquals(shared, single, `${task}: ${file}`);
        }
      }
      const systems = ["evaluate_images", "--config=data/configs/micro.yaml", "--systems=copy"] as const;
      for (const args of [[`--run=${folder}/images-queue`, `--queue=${address}`], [`--run=${folder}/images-whole`]]) {
        const { code, text } = await run(...systems, ...args);
        assertEquals(code, 0, text);
      }
      const [shared, single] = ["queue", "whole"].map((name) => Deno.readTextFileSync(`${folder}/images-${name}/result.json`));
      assertEquals(shared, single);
      const status = await run("queue", "status", `--queue=${address}`);
      assert(status.code === 0 && status.text.includes("There is no run"), status.text);
      for (const [flag, why] of [["--shard=0/2", "give --shard or --queue"], ["--restart", "Cannot start over with --queue"]]) {
        const refused = await run("sample", "--sample.adapter=base", `--run=${folder}/refused`, `--queue=${address}`, flag!);
        assert(refused.code === 1 && refused.text.includes(why!), refused.text);
      }
    }),
});
