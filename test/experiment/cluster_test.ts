import { type Environment, readCluster, requireOneProcess, slurmHosts } from "../../lib/experiment/cluster.ts";
import { assert, assertEquals, assertThrows, UserError } from "../support.ts";

const tfConfig = (worker: readonly string[], index: number | string, type = "worker", more = {}) =>
  JSON.stringify({ cluster: { worker, ...more }, task: { type, index } });

Deno.test("readCluster() reads TF_CONFIG, torchrun, SLURM and Kubernetes, in this order", () => {
  const hosts = ["127.0.0.1:4001", "127.0.0.1:4002", "b:4003"];
  assertEquals(readCluster({ TF_CONFIG: tfConfig(hosts, 1), RANK: "0", WORLD_SIZE: "9" }, 8), {
    ...{ source: "TF_CONFIG", rank: 1, addresses: hosts, share: { threads: 4, gpu: 1 }, onMachine: 2 },
  });
  assertEquals(readCluster({ TF_CONFIG: tfConfig(["b:1"], "0", "worker", { chief: ["a:1"] }) })?.rank, 1);

  const torchrun = { RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2", MASTER_ADDR: "a", MASTER_PORT: "29500" };
  assertEquals(readCluster({ ...torchrun, WORLDSTRAP_HOSTS: "a, b" }, 8), {
    ...{ source: "RANK and WORLD_SIZE", rank: 3, share: { threads: 4, gpu: 1 }, onMachine: 2 },
    addresses: ["a:29501", "a:29502", "b:29503", "b:29504"],
  });

  const slurm = {
    ...{ SLURM_PROCID: "2", SLURM_STEP_ID: "0", SLURM_NTASKS: "3", SLURM_JOB_NODELIST: "gpu[08-09]", SLURM_TASKS_PER_NODE: "2,1" },
    ...{ SLURM_LOCALID: "0", SLURM_NODEID: "1", SLURM_JOB_ID: "5", SLURM_CPUS_PER_TASK: "7" },
  };
  assertEquals(readCluster(slurm), {
    ...{ source: "SLURM's variables", rank: 2, share: { threads: 7, gpu: 0 }, onMachine: 1 },
    addresses: ["gpu08:20320", "gpu08:20321", "gpu09:20322"],
  });

  const pod = { JOB_COMPLETION_INDEX: "1", HOSTNAME: "train-1", WORLDSTRAP_SERVICE: "workers", WORLDSTRAP_WORKERS: "2" };
  assertEquals(readCluster(pod, 8), {
    ...{ source: "JOB_COMPLETION_INDEX and WORLDSTRAP_WORKERS", rank: 1, share: { threads: 8, gpu: 0 }, onMachine: 1 },
    addresses: ["train-0.workers:2222", "train-1.workers:2222"],
  });
});

Deno.test("readCluster() sees one process where there is one, and where a launcher does not start others", () => {
  const alone: readonly Environment[] = [
    {},
    { TF_CONFIG: tfConfig(["a:1"], 0) },
    { RANK: "0", WORLD_SIZE: "1" },
    { SLURM_PROCID: "0", SLURM_NTASKS: "4", SLURM_JOB_NODELIST: "a" }, // a batch script, not a step of srun
    { JOB_COMPLETION_INDEX: "3" }, // pods that train for themselves
  ];
  for (const env of alone) assertEquals(readCluster(env), undefined);
});

Deno.test("readCluster() refuses what contradicts itself in one sentence", () => {
  const step = { SLURM_PROCID: "0", SLURM_STEP_ID: "0", SLURM_NTASKS: "4" };
  const cases: readonly (readonly [env: Environment, sentence: string])[] = [
    [{ TF_CONFIG: "{" }, "Cannot use TF_CONFIG: give"],
    [{ TF_CONFIG: `${"[".repeat(1e5)}` }, "Cannot use TF_CONFIG: give"],
    [{ TF_CONFIG: tfConfig(["a:1", "b:1"], 2) }, "worker 2 is beyond the last of 2"],
    [{ TF_CONFIG: tfConfig(["a:1", "b:1"], -1) }, "give a whole number"],
    [{ TF_CONFIG: tfConfig(["a:1", "a:1"], 0) }, "two workers have the same address"],
    [{ TF_CONFIG: tfConfig(["a:1", "b;rm -rf:1"], 0) }, "an address must be HOST:PORT"],
    [{ TF_CONFIG: tfConfig(["a:1", "b:70000"], 0) }, "an address must be HOST:PORT"],
    [{ TF_CONFIG: tfConfig(["a:1"], 0, "ps", { ps: ["b:1"] }) }, 'found "ps"'],
    [{ TF_CONFIG: tfConfig(["a:1"], 0, "chief") }, "there is no chief 0"],
    [{ RANK: "4", WORLD_SIZE: "4" }, "beyond the last of 4"],
    [{ RANK: "x", WORLD_SIZE: "4" }, "Cannot use RANK"],
    [{ RANK: "0", WORLD_SIZE: "1000000000" }, "Cannot use WORLD_SIZE"],
    [{ RANK: "1", WORLD_SIZE: "4", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2" }, "set WORLDSTRAP_HOSTS"],
    [{ RANK: "1", WORLD_SIZE: "2", LOCAL_RANK: "0", LOCAL_WORLD_SIZE: "2" }, "Cannot use LOCAL_RANK=0"],
    [{ RANK: "1", WORLD_SIZE: "2", MASTER_PORT: "0" }, "give a port"],
    [step, "Cannot use SLURM_JOB_NODELIST"],
    [{ ...step, SLURM_JOB_NODELIST: "a".repeat(1e5) }, "100000 characters"],
    [{ ...step, SLURM_JOB_NODELIST: "n[1-2" }, "Cannot use SLURM_JOB_NODELIST"],
    [{ ...step, SLURM_JOB_NODELIST: "n[1-99999999999]" }, "Cannot use SLURM_JOB_NODELIST"],
    [{ ...step, SLURM_JOB_NODELIST: "n[1-2]", SLURM_TASKS_PER_NODE: "a" }, "Cannot use SLURM_TASKS_PER_NODE"],
    [{ ...step, SLURM_JOB_NODELIST: "n[1-2]", SLURM_NODEID: "1" }, "--distribution=block"],
    [{ JOB_COMPLETION_INDEX: "0", WORLDSTRAP_WORKERS: "2", HOSTNAME: "elsewhere" }, "HOSTNAME must end in -0"],
  ];
  for (const [env, sentence] of cases) {
    const { message } = assertThrows(() => readCluster(env), UserError, sentence);
    assert(!message.includes("\n"), message);
  }
});

Deno.test("slurmHosts() writes out what SLURM shortens", () => {
  assertEquals(slurmHosts("a"), ["a"]);
  assertEquals(slurmHosts("n[01-03,7],login-x"), ["n01", "n02", "n03", "n7", "login-x"]);
  assertEquals(slurmHosts("r1-n[9-11].site"), ["r1-n9.site", "r1-n10.site", "r1-n11.site"]);
});

Deno.test("requireOneProcess() refuses what a launcher started several times over, and nothing else", () => {
  requireOneProcess({});
  requireOneProcess({ RANK: "0", WORLD_SIZE: "1", LOCAL_RANK: "0", LOCAL_WORLD_SIZE: "1", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "29500" });
  const torchrun = { RANK: "1", WORLD_SIZE: "2", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "29500" };
  assertThrows(() => requireOneProcess(torchrun), UserError, "Cannot run all stages in 2 processes at once");
});
