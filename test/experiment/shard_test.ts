import { shardOfEnvironment } from "../../lib/experiment/shard.ts";
import { assertEquals, assertThrows, UserError } from "../support.ts";

const shard = (variables: Record<string, string>) => shardOfEnvironment((name) => variables[name]);
const slurm = (id: number, count: number, min: number, max: number) => ({
  SLURM_ARRAY_TASK_ID: `${id}`,
  SLURM_ARRAY_TASK_COUNT: `${count}`,
  SLURM_ARRAY_TASK_MIN: `${min}`,
  SLURM_ARRAY_TASK_MAX: `${max}`,
});

Deno.test("shardOfEnvironment() counts a SLURM array from its first number, and an indexed job from 0", () => {
  assertEquals(shard(slurm(0, 4, 0, 3)), "0/4");
  assertEquals(shard(slurm(8, 8, 1, 8)), "7/8"); // --array=1-8
  assertEquals(shard({ JOB_COMPLETION_INDEX: "2", WORLDSTRAP_SHARDS: "8" }), "2/8");
  assertEquals(shard({ ...slurm(5, 1, 5, 5), WORLDSTRAP_SHARDS: "8" }), "5/8"); // one of an array, run again
});

Deno.test("shardOfEnvironment() says in one sentence what is missing or contradicts itself", () => {
  const says = (variables: Record<string, string>, text: string) => assertThrows(() => shard(variables), UserError, text);
  says({}, "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; start the task as a job array");
  says({ JOB_COMPLETION_INDEX: "2" }, "JOB_COMPLETION_INDEX is 2, but not of how many; set WORLDSTRAP_SHARDS to the job's completions");
  says({ SLURM_ARRAY_TASK_ID: "2" }, "SLURM_ARRAY_TASK_ID is 2, but not of how many");
  says({ JOB_COMPLETION_INDEX: "8", WORLDSTRAP_SHARDS: "8" }, "there are 8 shards, from 0 to 7");
  says(slurm(5, 3, 1, 9), "SLURM_ARRAY_TASK_ID is 5 in an array of 3 from 1 to 9, which has gaps");
  says({ ...slurm(1, 4, 0, 3), JOB_COMPLETION_INDEX: "2" }, "SLURM_ARRAY_TASK_ID is 1 and JOB_COMPLETION_INDEX is 2 contradict each other");
  says({ JOB_COMPLETION_INDEX: "-1", WORLDSTRAP_SHARDS: "8" }, 'JOB_COMPLETION_INDEX is "-1", which is no whole number');
});
