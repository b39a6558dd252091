import { NO_SERVER, withServer } from "../queue/support.ts";
import { assert, assertEquals, denoFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const DENO_DIR = denoFolder();

function run(task: string, ...args: string[]): Promise<{ code: number; text: string }> {
  return runWith({}, task, ...args);
}

/** Runs a task with more in its environment. */
async function runWith(env: Record<string, string>, task: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const all = ["run", "-A", "--no-check", `${ROOT}tasks/${task}.ts`, ...args];
  const options = { args: all, cwd: ROOT, env: { NO_COLOR: "1", DENO_DIR, ...env } };
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
      for (const [task, output] of [["evaluate_images", "result.json"], ["judge", "scores.jsonl"]] as const) {
        for (const args of [[`--run=${folder}/${task}-queue`, `--queue=${address}`], [`--run=${folder}/${task}-whole`]]) {
          const { code, text } = await run(task, "--config=data/configs/micro.yaml", "--systems=copy", ...args);
          assertEquals(code, 0, text);
        }
        const [shared, single] = ["queue", "whole"].map((name) => Deno.readTextFileSync(`${folder}/${task}-${name}/${output}`));
        assertEquals(shared, single, task);
      }
      const status = await run("queue", "status", `--queue=${address}`);
      assert(status.code === 0 && status.text.includes("There is no run"), status.text);
      for (const [flag, why] of [["--shard=0/2", "give --shard or --queue"], ["--restart", "Cannot start over with --queue"]]) {
        const refused = await run("sample", "--sample.adapter=base", `--run=${folder}/refused`, `--queue=${address}`, flag!);
        assert(refused.code === 1 && refused.text.includes(why!), refused.text);
      }
    }),
});

Deno.test({
  name: "judge by the workers of a queue asks about each picture once, and keeps no limit that workers would have to share",
  ignore: NO_SERVER,
  fn: () =>
    withServer(async (address, folder) => {
      let asked = 0;
      const endpoint = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
        await request.json();
        asked++;
        const content = '{"reasoning":"seen","editing_success":3,"minimal_editing":8}';
        const usage = { prompt_tokens: 1000, completion_tokens: 100 };
        return Response.json({ choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content } }], usage });
      });
      const judge = (worker: number, ...more: string[]) => {
        const args = ["--config=data/configs/micro.yaml", "--systems=copy", "--judge.model=gpt-4o-2024-11-20", "--bench.world=70"];
        const home = `${folder}/home-${worker}`; // caches of their own: answers come together by the run's folder alone
        const env = { XDG_CACHE_HOME: home, OPENAI_API_KEY: "sk-test", OPENAI_BASE_URL: `http://127.0.0.1:${endpoint.addr.port}/v1` };
        return runWith(env, "judge", ...args, `--run=${folder}/judge`, `--queue=${address}`, ...more);
      };
      try {
        const refused = await judge(1, "--judge.maxCost=1");
        assert(refused.code === 1 && refused.text.includes("Cannot keep judge.maxCost over the workers of a queue"), refused.text);
        for (const { code, text } of await Promise.all([judge(1), judge(2)])) assertEquals(code, 0, text);
        assertEquals(asked, 70);
        const { spent } = JSON.parse(Deno.readTextFileSync(`${folder}/judge/result.json`)) as { spent: { prompt: number } };
        assertEquals(spent.prompt, 70_000);
        const scores = Deno.readTextFileSync(`${folder}/judge/scores.jsonl`).trim().split("\n").map((line) => JSON.parse(line));
        assertEquals([scores.length, new Set(scores.map(({ id }) => id)).size, scores.every(({ score }) => score === 3)], [70, 70, true]);
      } finally {
        await endpoint.shutdown();
      }
    }),
});
