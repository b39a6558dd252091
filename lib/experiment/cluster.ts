/**
 * Which processes train together, as launchers say it in the environment: TensorFlow's `TF_CONFIG`, torchrun, SLURM, Kubernetes'
 * indexed jobs; the first of these that is set counts.
 *
 * @module
 */
import { z } from "zod";
import type { Share } from "../engine/mod.ts";
import type { Cluster } from "../engine/collectives.ts";
import { quoted, UserError } from "../errors.ts";

/** Variables of the environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A cluster, who told of it, and what of its machine this process takes. */
export interface LaunchedCluster extends Cluster {
  /** The launcher's variables, in words. */
  readonly source: string;
  /** This process's share of its machine. */
  readonly share: Share;
  /** How many of them are on its machine, itself included; without GPUs they share its memory. */
  readonly onMachine: number;
}

const MOST = 4096; // workers: more are a slip or an attack
const PORT = 2222; // TensorFlow's own, where nothing names another
const HOST = /^[\w.-]{1,253}$|^\[[0-9a-fA-F:]{2,45}\]$/;

/**
 * Reads the cluster that this process is part of.
 *
 * @param env the environment
 * @param cores of this machine that the process may use
 * @returns the cluster, or undefined where no launcher names one, or one of a single process
 * @throws UserError naming the variable that contradicts another or itself
 */
export function readCluster(env: Environment, cores: number = navigator.hardwareConcurrency): LaunchedCluster | undefined {
  const found = fromTfConfig(env) ?? fromTorchrun(env) ?? fromSlurm(env) ?? fromKubernetes(env);
  if (!found) return;
  const { source, rank, addresses } = found;
  if (rank >= addresses.length) {
    throw new UserError(`Cannot use ${source}: worker ${rank} is beyond the last of ${addresses.length}, which is ${addresses.length - 1}`);
  }
  if (new Set(addresses).size < addresses.length) throw new UserError(`Cannot use ${source}: two workers have the same address`);
  if (addresses.length === 1) return;
  const here = hostOf(addresses[rank]!);
  const beside = addresses.map((address, i) => ({ i, host: hostOf(address) })).filter(({ host }) => host === here);
  const threads = found.threads ?? Math.max(1, Math.floor(cores / beside.length));
  const gpu = found.local ?? beside.findIndex(({ i }) => i === rank);
  return { source, rank, addresses, share: { threads, gpu }, onMachine: beside.length };
}

/**
 * Checks that no launcher has started this process together with others, for work that is not shared among processes.
 *
 * @param env the environment
 * @throws UserError naming the launcher's variables
 */
export function requireOneProcess(env: Environment): void {
  const cluster = readCluster(env);
  if (!cluster) return;
  throw new UserError(
    `Cannot run all stages in ${cluster.addresses.length} processes at once (by ${cluster.source}): start it once, outside of the ` +
      "launcher, and give train-cdm and train-cwm to the launcher one by one",
  );
}

interface Found extends Cluster {
  readonly source: string;
  readonly local?: number; // the process's number on its machine, where the launcher says it
  readonly threads?: number; // that the launcher gave it
}

const TF_CONFIG = z.looseObject({
  cluster: z.record(z.string(), z.array(z.string()).max(MOST)),
  task: z.looseObject({ type: z.string(), index: z.union([z.number(), z.string()]) }),
});

function fromTfConfig(env: Environment): Found | undefined {
  const text = env["TF_CONFIG"];
  if (!text) return;
  const parsed = TF_CONFIG.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw new UserError(
      `Cannot use TF_CONFIG: give {"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}, found ${quoted(text)}`,
    );
  }
  const { cluster, task } = parsed.data;
  const other = [...Object.keys(cluster), task.type].find((role) => role !== "worker" && role !== "chief");
  if (other !== undefined) throw new UserError(`Cannot use TF_CONFIG: there are "chief" and "worker" alone, found ${quoted(other)}`);
  const chiefs = cluster["chief"] ?? [];
  const index = numberOf("the task's index in TF_CONFIG", `${task.index}`, MOST);
  if (task.type === "chief" && index >= chiefs.length) throw new UserError(`Cannot use TF_CONFIG: there is no chief ${index}`);
  const addresses = [...chiefs, ...cluster["worker"] ?? []];
  for (const address of addresses) checkAddress("TF_CONFIG", address);
  return { source: "TF_CONFIG", addresses, rank: task.type === "chief" ? index : chiefs.length + index };
}

/** Torchrun names the first machine alone: where there are several, `WORLDSTRAP_HOSTS` names all. Its own port is the one before ours. */
function fromTorchrun(env: Environment): Found | undefined {
  if (env["RANK"] === undefined || env["WORLD_SIZE"] === undefined) return;
  const [rank, count] = [numberOf("RANK", env["RANK"], MOST), numberOf("WORLD_SIZE", env["WORLD_SIZE"], MOST)];
  if (count === 1 && rank === 0) return;
  const each = numberOf("LOCAL_WORLD_SIZE", env["LOCAL_WORLD_SIZE"] ?? `${count}`, MOST) || 1;
  const local = numberOf("LOCAL_RANK", env["LOCAL_RANK"] ?? `${rank % each}`, MOST);
  const port = portOf("MASTER_PORT", env["MASTER_PORT"] ?? `${PORT}`) + 1;
  const hosts = listOf(env["WORLDSTRAP_HOSTS"]) ?? [env["MASTER_ADDR"] ?? "127.0.0.1"];
  if (hosts.length * each < count) {
    throw new UserError(
      `Cannot reach ${count} workers, ${each} on each machine, by ${hosts.length} host name${hosts.length === 1 ? "" : "s"}: ` +
        "set WORLDSTRAP_HOSTS to the names of all machines in the order of their ranks, as host0,host1",
    );
  }
  if (local >= each || rank % each !== local) {
    throw new UserError(`Cannot use LOCAL_RANK=${local}: RANK is ${rank}, and ${each} are on a machine`);
  }
  const addresses = Array.from({ length: count }, (_, i) => address("MASTER_ADDR", hosts[Math.floor(i / each)]!, port + i));
  return { source: "RANK and WORLD_SIZE", rank, addresses, local };
}

/** In an `srun` step alone: a batch script itself has SLURM's variables too, and would wait for others without end. */
function fromSlurm(env: Environment): Found | undefined {
  if (env["SLURM_PROCID"] === undefined || env["SLURM_STEP_ID"] === undefined) return;
  const tasks = env["SLURM_STEP_NUM_TASKS"] ?? env["SLURM_NTASKS"] ?? "1";
  const [rank, count] = [numberOf("SLURM_PROCID", env["SLURM_PROCID"], MOST), numberOf("SLURM_NTASKS", tasks, MOST)];
  if (count === 1 && rank === 0) return;
  const hosts = slurmHosts(env["SLURM_STEP_NODELIST"] ?? env["SLURM_JOB_NODELIST"] ?? "");
  const each = tasksOfNodes(env["SLURM_STEP_TASKS_PER_NODE"] ?? env["SLURM_TASKS_PER_NODE"], hosts.length, count);
  const nodes = each.flatMap((tasks, node) => Array<number>(tasks).fill(node)).slice(0, count);
  if (nodes.length < count || (env["SLURM_NODEID"] !== undefined && `${nodes[rank]}` !== env["SLURM_NODEID"])) {
    throw new UserError(`Cannot tell on which of ${hosts.length} nodes each of ${count} SLURM tasks runs: give srun --distribution=block`);
  }
  const job = env["SLURM_JOB_ID"] === undefined ? 0 : numberOf("SLURM_JOB_ID", env["SLURM_JOB_ID"], 2 ** 32);
  const first = env["WORLDSTRAP_PORT"] ? portOf("WORLDSTRAP_PORT", env["WORLDSTRAP_PORT"]) : 20_000 + (job * 64) % 10_000;
  const addresses = nodes.map((node, i) => address("SLURM_JOB_NODELIST", hosts[node]!, first + i));
  const local = numberOf("SLURM_LOCALID", env["SLURM_LOCALID"] ?? "0", MOST);
  const cores = env["SLURM_CPUS_PER_TASK"];
  return {
    source: "SLURM's variables",
    rank,
    addresses,
    local,
    ...(cores && { threads: numberOf("SLURM_CPUS_PER_TASK", cores, MOST) || 1 }),
  };
}

/**
 * Pods of an indexed job are named JOB-INDEX; `WORLDSTRAP_SERVICE` names the headless service by which they find each other, and
 * `WORLDSTRAP_WORKERS` says how many there are: without it, each pod trains for itself.
 */
function fromKubernetes(env: Environment): Found | undefined {
  const [index, count, service] = [env["JOB_COMPLETION_INDEX"], env["WORLDSTRAP_WORKERS"], env["WORLDSTRAP_SERVICE"]];
  if (index === undefined || count === undefined) return;
  const [rank, workers] = [numberOf("JOB_COMPLETION_INDEX", index, MOST), numberOf("WORLDSTRAP_WORKERS", count, MOST)];
  const job = env["HOSTNAME"]?.endsWith(`-${rank}`) ? env["HOSTNAME"].slice(0, -`-${rank}`.length) : undefined;
  if (job === undefined || !service) {
    throw new UserError(
      `Cannot find the pods of an indexed job: HOSTNAME must end in -${rank}, found ${
        quoted(env["HOSTNAME"] ?? "")
      }, and WORLDSTRAP_SERVICE ` +
        `name its headless service, found ${quoted(service ?? "")}`,
    );
  }
  const port = portOf("WORLDSTRAP_PORT", env["WORLDSTRAP_PORT"] ?? `${PORT}`);
  const addresses = Array.from({ length: workers }, (_, i) => address("WORLDSTRAP_SERVICE", `${job}-${i}.${service}`, port));
  return { source: "JOB_COMPLETION_INDEX and WORLDSTRAP_WORKERS", rank, addresses, local: 0 };
}

/** Names of nodes as SLURM shortens them: `node[01-03,7],login`. */
export function slurmHosts(list: string): string[] {
  if (list.length > 2 ** 14) throw new UserError(`Cannot use SLURM_JOB_NODELIST: it has ${list.length} characters`);
  const wrong = () => new UserError(`Cannot use SLURM_JOB_NODELIST: give names as node[01-03],node7, found ${quoted(list)}`);
  const hosts: string[] = [];
  for (const part of list.split(/,(?![^[]*\])/)) {
    const [, prefix, ranges, suffix = ""] = /^([\w.-]+)(?:\[([\d,-]+)\]([\w.-]*))?$/.exec(part) ?? [];
    if (prefix === undefined) throw wrong();
    for (const range of ranges?.split(",") ?? [""]) {
      const [from, to = from] = range.split("-") as [string, string?];
      const length = Number(to) - Number(from) + 1;
      if (!(length >= 1) || hosts.length + length > MOST) throw wrong();
      for (let i = 0; i < length; i++) {
        hosts.push(range === "" ? prefix : `${prefix}${String(Number(from) + i).padStart(from.length, "0")}${suffix}`);
      }
    }
  }
  return hosts;
}

/** How many tasks run on each node: `2(x3),1`; where SLURM does not say, alike. */
function tasksOfNodes(text: string | undefined, nodes: number, count: number): number[] {
  if (text === undefined) return Array<number>(nodes).fill(Math.ceil(count / nodes));
  const each = text.split(",").flatMap((part) => {
    const [, tasks, times = "1"] = /^(\d{1,4})(?:\(x(\d{1,4})\))?$/.exec(part) ?? [];
    if (tasks === undefined) throw new UserError(`Cannot use SLURM_TASKS_PER_NODE: give as 2(x3),1, found ${quoted(text)}`);
    return Array<number>(Math.min(Number(times), MOST)).fill(Number(tasks));
  });
  return each.slice(0, nodes);
}

function listOf(text: string | undefined): string[] | undefined {
  return text ? text.split(",").map((name) => name.trim()).filter((name) => name !== "") : undefined;
}

function numberOf(name: string, text: string, most: number): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= most) return Number(text);
  throw new UserError(`Cannot use ${name}: give a whole number from 0 to ${most}, found ${quoted(text)}`);
}

function portOf(name: string, text: string): number {
  const port = numberOf(name, text, 65_535);
  if (port > 0) return port;
  throw new UserError(`Cannot use ${name}: give a port from 1 to 65535, found ${quoted(text)}`);
}

function address(name: string, host: string, port: number): string {
  checkAddress(name, `${host}:${port}`);
  return `${host}:${port}`;
}

function checkAddress(name: string, text: string): void {
  const port = text.slice(text.lastIndexOf(":") + 1);
  if (HOST.test(hostOf(text)) && /^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) <= 65_535) return;
  throw new UserError(`Cannot use ${name}: an address must be HOST:PORT, found ${quoted(text)}`);
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

function jsonOf(text: string): unknown {
  try {
    return text.length > 2 ** 20 ? undefined : JSON.parse(text);
  } catch {
    return;
  }
}
