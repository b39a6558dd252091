/** A process of `bench sharded`: `FOLDER RANK ADDRESSES SPREAD`. A line read asks for two steps; the second one is timed. */
import { createInterface } from "node:readline";
import process from "node:process";
import { joinCluster } from "../lib/engine/collectives.ts";
import { dispose, openBackend, type Tensor, tf, tidy } from "../lib/engine/mod.ts";
import { adapterTensors, createAdapter, type Gathering, loadModel } from "../lib/model/mod.ts";
import { completionGradients } from "../lib/train/mod.ts";
import { workersOf } from "../lib/train/workers.ts";

/** What a process measures: MiB and seconds. */
export interface ShardedAnswer {
  /** VmHWM once the base is loaded. */
  readonly loaded_mib: number;
  /** VmHWM after two steps. */
  readonly peak_mib: number;
  /** RssAnon after two steps: memory of its own. */
  readonly own_mib: number;
  /** RssFile after two steps: mapped files, which processes share. */
  readonly mapped_mib: number;
  /** The second step. */
  readonly step_seconds: number;
  /** Of it, gathering, waiting for others included. */
  readonly gather_seconds: number;
  /** The processor's time of this process, all threads, while it gathered. */
  readonly gather_cpu_seconds: number;
}

const [POSITIONS, LEARNT] = [16, 8]; // memory is that of weights

async function measure(folder: string, rank: number, addresses: readonly string[], spread: boolean): Promise<ShardedAnswer> {
  await openBackend("tensorflow", { threads: 1, gpu: rank });
  const workers = addresses.length > 1 ? workersOf(await joinCluster({ rank, addresses }, { join: 120, loss: 120, hang: 600 })) : undefined;
  const spent = { seconds: 0, cpu: 0 };
  const others = spread && workers ? { ...workers, gather: metered(workers.gather, spent) } : undefined;
  const { chameleon } = loadModel(folder, "bfloat16", others);
  const loaded_mib = memory("VmHWM");
  const lora = { rank: 4, alpha: 4, dropout: 0, targets: ["q_proj" as const] };
  const adapter = createAdapter(chameleon.config, lora, 1);
  const gradients = completionGradients({ model: chameleon, head: chameleon.head, adapter, checkpointing: true });
  const factors = [...adapterTensors(adapter).values()];
  let start = 0;
  for (let step = 0; step < 2; step++) {
    await workers?.sumNumbers([0]); // all begin together
    Object.assign(spent, { seconds: 0, cpu: 0 });
    start = performance.now();
    const { value, grads } = tidy(() => gradients(factors, batch(), null));
    value.dataSync();
    dispose([value, grads]);
  }
  const step_seconds = (performance.now() - start) / 1000;
  const sizes = { peak_mib: memory("VmHWM"), own_mib: memory("RssAnon"), mapped_mib: memory("RssFile") };
  return { loaded_mib, ...sizes, step_seconds, gather_seconds: spent.seconds, gather_cpu_seconds: spent.cpu };
}

/** A gather that adds up what it takes. */
function metered(gather: Gathering["gather"], spent: { seconds: number; cpu: number }): Gathering["gather"] {
  return (part) => {
    const [start, before] = [performance.now(), process.cpuUsage()];
    const whole = gather(part);
    const { user, system } = process.cpuUsage(before);
    spent.seconds += (performance.now() - start) / 1000;
    spent.cpu += (user + system) / 1e6;
    return whole;
  };
}

function batch() {
  const ids = (count: number) => tf.tensor2d(Array.from({ length: count }, (_, i) => 5 + (i * 37) % 900), [1, count], "int32") as Tensor;
  const padding = tf.zeros([1, 1, 1, POSITIONS]) as Tensor;
  return { tokens: ids(POSITIONS), padding, labels: ids(LEARNT), weights: tf.ones([1, LEARNT]) as Tensor };
}

/** A line of /proc/self/status, in MiB. */
function memory(name: string): number {
  const [, kib] = new RegExp(`${name}:\\s+(\\d+) kB`).exec(Deno.readTextFileSync("/proc/self/status"))!;
  return Number(kib) / 1024;
}

if (import.meta.main) {
  const [folder, rank, addresses, spread] = Deno.args as [string, string, string, string];
  for await (const _ of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await measure(folder, Number(rank), addresses.split(","), spread === "true")));
  }
  Deno.exit(0);
}
