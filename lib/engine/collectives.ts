/**
 * Processes that compute together, by TensorFlow's own runtime: its gRPC servers, its coordination service, by which each notices
 * that another has gone, and its collective operations, in a ring on CPUs and by NCCL between GPUs.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { type CApi, cstring, DType } from "./capi.ts";
import { AttrKind, type OpAttr } from "./graph.ts";
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { bool, int, message, text } from "./protobuf.ts";
import { tidy } from "./scope.ts";
import { type Tensor, tf } from "./tf.ts";

/** The processes of a cluster, and which of them this one is. */
export interface Cluster {
  /** This process's number, from 0. */
  readonly rank: number;
  /** Where each of them listens, as "host:port", in the order of their numbers. */
  readonly addresses: readonly string[];
}

/** How long workers are waited for. */
export interface Patience {
  /** Seconds until all must have come. */
  readonly join: number;
  /** Seconds without a sign of life after which a worker is lost. */
  readonly loss: number;
  /** Seconds that a worker which does give signs of life may lag behind in a sum, where sums are `timely`; then it hangs. */
  readonly hang: number;
}

/** What joined processes do together. Each call is made by all of them, in the same order. */
export interface Collectives extends Cluster {
  /**
   * The sum of a float32 or int32 tensor over all processes, the same bits on each; a timely one is not waited for without end. On CPUs it
   * begins at once, on a thread of its own; on GPUs when JavaScript has come to an end and the sum before is done.
   */
  readonly sum: (tensor: Tensor, timely?: boolean) => Promise<Tensor>;
  /**
   * Equal parts of all processes, float32 or an even number of bfloat16, one after the other: [S] → [N · S]. It is waited for in place, as
   * gradients are computed between a scope's two ends, and for as long as a timely sum.
   */
  readonly gather: (part: Tensor) => Tensor;
  /** Waits until all of them have nothing more to ask of each other: one that ends before breaks the connection of others. */
  readonly leave: () => Promise<void>;
}

const LEADER = "/job:worker/replica:0/task:0";
const GRACE = 2; // seconds that the leader's word about who is missing may take
const FAREWELL = 500; // ms; who is answered late would take the leader for lost
const GROUP = 1; // all processes; there is no other group
const FIRST_GATHER = 2 ** 30; // gathers are numbered apart from sums
const GATHERS = 16; // numbers of gathers of one size
const HANGS = "a sum has not come"; // heartbeats go on in a thread of TensorFlow's own, whatever the process does

/**
 * Joins a cluster. The engine must be open on libtensorflow, and must not have computed anything yet.
 *
 * @param cluster all processes, and this one
 * @param patience how long others are waited for
 * @returns what they do together
 * @throws UserError when another process listens at this one's port, or one does not come
 */
export async function joinCluster(cluster: Cluster, patience: Patience): Promise<Collectives> {
  const binding = activeBinding();
  if (!binding) throw new UserError('Cannot train on several workers without libtensorflow: run "deno task setup" on each of them');
  const onGpu = binding.isUsingGpuDevice();
  const server = serverOf(cluster, patience, onGpu);
  keepFreed(binding.api);
  const late = `joining the other workers: ${LEADER} does not answer`; // TensorFlow's own limit holds for the leader alone
  await explained(cluster, patience, () => within(patience.join + GRACE, enabled(binding.api, server), late));
  let [instance, before]: [number, Promise<unknown>] = [0, Promise.resolve()];
  const numberOf = gatherNumbers();
  const count = cluster.addresses.length;
  return {
    ...cluster,
    sum: (tensor, timely = false) => {
      const number = ++instance;
      const reduce = () => reduced(tensor, count, number);
      const summed = onGpu ? before.then(reduce) : reduce(); // NCCL hangs where processes begin sums and gathers in different orders
      before = summed.catch(() => {}); // told to whoever asked for it
      return explained(cluster, patience, () => timely ? within(patience.hang, summed, HANGS) : summed);
    },
    gather: (part) => {
      try {
        return gathered(part, count, numberOf, patience.hang);
      } catch (error) {
        throw failureOfCluster(error, cluster, patience);
      }
    },
    leave: async () => {
      await explained(cluster, patience, () => atEnd(binding.api));
      if (cluster.rank === 0 && count > 1) await new Promise((done) => setTimeout(done, FAREWELL)); // its service answers the others too
    },
  };
}

/**
 * Lets glibc keep what is freed: gRPC takes and frees megabytes for every message, and each time the system would fill them with zeros
 * again. Four processes that add up 153 MiB on two cores take 0.57 s so, and 0.92 s without.
 */
function keepFreed({ c }: CApi): void {
  const [trim, mmap] = [-1, -3]; // M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
  c.mallopt?.(trim, 2 ** 28); // bytes that may lie free at a heap's end
  c.mallopt?.(mmap, 2 ** 25); // bytes from which a piece lies outside of heaps: the largest that glibc takes
}

/** Starts this process's server; gives when all others are there. */
function enabled({ c, context, apart }: CApi, server: Uint8Array<ArrayBuffer>): Promise<void> {
  return apart("joining the other workers", (status) => c.enableCollectives(context, server, BigInt(server.length), status));
}

/** Waits for the others; whoever is lost meanwhile, the coordination service tells. */
function atEnd({ c, context, apart }: CApi): Promise<void> {
  const day = 86_400_000n; // ms
  return apart("waiting for the other workers", (status) => c.waitAtBarrier(context, cstring("end"), day, status));
}

/** A promise, or an error when it takes too long. */
async function within<T>(seconds: number, promised: Promise<T>, words: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(words)), seconds * 1000);
  try {
    return await Promise.race([promised, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function reduced(tensor: Tensor, count: number, instance: number): Promise<Tensor> {
  const numbers = numbersOf(count, instance).map((number) => tf.keep(number)); // a scope may be open, and end first
  const ids = inputIds([tensor, ...numbers]);
  const { binding } = kernelBackend();
  const attrs = [
    ...attrsOf(binding.elementType(ids[0]!), 0), // the coordination service notices who is lost; a step may be long
    { name: "merge_op", type: AttrKind.STRING, value: "Add" },
    { name: "final_op", type: AttrKind.STRING, value: "Id" },
    { name: "max_subdivs_per_device", type: AttrKind.INT, value: 1 }, // buckets are small enough
  ];
  try {
    return kernelBackend().createOutputTensor(await binding.executeApart("CollectiveReduceV2", attrs, ids));
  } finally {
    numbers.forEach((number) => number.dispose());
  }
}

/**
 * Numbers of gathers, by the size of their parts. A few come again and again, as TensorFlow keeps 1.4 KiB for each that it has seen;
 * none begins a gather before all others are at the one before.
 */
function gatherNumbers(): (size: number) => number {
  const sizes = new Map<number, { readonly first: number; done: number }>();
  return (size) => {
    let own = sizes.get(size);
    if (!own) sizes.set(size, own = { first: FIRST_GATHER + GATHERS * sizes.size, done: 0 });
    return own.first + own.done++ % GATHERS;
  };
}

/** [S] → [N · S], on this thread. */
function gathered(part: Tensor, count: number, numberOf: (size: number) => number, seconds: number): Tensor {
  return tidy(() => {
    const { binding } = kernelBackend();
    const isHalf = binding.elementType(inputIds([part])[0]!) === DType.BFLOAT16; // which the operation does not take
    const words = isHalf ? bitcast(tf.reshape(part, [-1, 2]), DType.FLOAT) : part; // [S / 2] or [S]
    const ids = inputIds([words, ...numbersOf(count, numberOf(words.size))]);
    const whole = binding.executeTyped("CollectiveGatherV2", attrsOf(DType.FLOAT, seconds), ids); // [N · S / 2] or [N · S]
    const all = kernelBackend().createOutputTensor(whole);
    return isHalf ? tf.reshape(bitcast(all, DType.BFLOAT16), [-1]) : all; // [N · S]
  });
}

/** The same bytes under another element type, where they lie: a last axis of two halves becomes a word, and a word becomes one. */
function bitcast(x: Tensor, to: number): Tensor {
  const backend = kernelBackend();
  const { binding } = backend;
  const [id] = inputIds([x]) as [number];
  const attrs = [{ name: "T", type: AttrKind.TYPE, value: binding.elementType(id) }, { name: "type", type: AttrKind.TYPE, value: to }];
  return backend.createOutputTensor(binding.executeTyped("Bitcast", attrs, [id]));
}

/** How many processes, which of them, and which of their calls: what a collective operation is told beside its tensor. */
function numbersOf(count: number, instance: number): Tensor[] {
  return [count, GROUP, instance].map((number) => tf.scalar(number, "int32"));
}

/** Attributes of all collective operations; after so many seconds they fail, where that is not 0. */
function attrsOf(dtype: number, seconds: number): OpAttr[] {
  return [
    { name: "T", type: AttrKind.TYPE, value: dtype },
    { name: "communication_hint", type: AttrKind.STRING, value: "auto" },
    { name: "timeout_seconds", type: AttrKind.FLOAT, value: seconds },
    { name: "Nordering_token", type: AttrKind.INT, value: 0 },
  ];
}

/** A `ServerDef`: where all listen, which one this is, and how it is coordinated. */
function serverOf({ rank, addresses }: Cluster, { join, loss }: Patience, gpu: boolean): Uint8Array<ArrayBuffer> {
  const tasks = addresses.flatMap((address, i) => message(2, [...int(1, i), ...text(2, address)]));
  const coordination = [
    ...[...text(1, "standalone"), ...text(2, LEADER), ...bool(3, true)], // the service, who runs it, health checks
    ...[...int(4, join * 1000), ...int(5, loss * 1000)], // until all must have come, without a heartbeat
    ...[...bool(8, true), ...message(10, [...text(1, "worker"), ...int(2, addresses.length)])], // none says goodbye; who belongs to it
  ];
  const experimental = [...text(1, LEADER), ...int(4, CHUNK), ...(gpu ? bool(7, true) : []), ...message(23, coordination)]; // 7: NCCL
  return new Uint8Array([
    ...message(1, message(1, [...text(1, "worker"), ...tasks])),
    ...[...text(2, "worker"), ...int(3, rank), ...message(4, message(16, experimental)), ...text(5, "grpc")],
  ]);
}

const CHUNK = 2 ** 24; // bytes of a message between two servers

/** Says what TensorFlow says of other workers as what it means for this one. */
async function explained<T>(cluster: Cluster, patience: Patience, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw failureOfCluster(error, cluster, patience);
  }
}

/** What to tell the user of TensorFlow's words about a cluster. */
export function failureOfCluster(error: unknown, { rank, addresses }: Cluster, { join, loss, hang }: Patience): Error {
  const words = error instanceof Error ? error.message : String(error);
  const nameOf = (worker: number) => `worker ${worker} of ${addresses.length} (${quoted(addresses[worker])})`;
  if (/could not start grpc server|address already in use/i.test(words)) {
    return new UserError(
      `Cannot listen at ${quoted(addresses[rank])} as ${nameOf(rank)}: another run uses this port, or it is no address of this machine; ` +
        "wait for that run, or give these workers other ports",
    );
  }
  const named = words.match(/task:(\d+)/)?.[1];
  const other = named !== undefined && Number(named) < addresses.length && Number(named) !== rank ? Number(named) : undefined;
  const who = other !== undefined ? nameOf(other) : rank !== 0 && /Heartbeat/.test(words) ? nameOf(0) : "another worker";
  if (words.includes("joining the other workers")) {
    return new UserError(
      `Cannot begin as ${who} has not come within ${join} s: start all ${addresses.length} workers at about the same time, ` +
        "and see that each can reach the others' ports",
      { cause: error },
    );
  }
  if (words === HANGS || /timed out|DEADLINE_EXCEEDED/i.test(words)) {
    return new UserError(
      `Cannot go on as another worker has not come to a step's end within ${hang} s though it gives signs of life: see what it waits for, ` +
        "end it, and start all workers again to go on from the last checkpoint; where steps may take so long, raise --patience",
    );
  }
  return new UserError(
    `Cannot go on as ${who} has ended, or has given no sign of life for ${loss} s: start all workers again, be they fewer or more, ` +
      "and they go on from the last checkpoint",
    { cause: error },
  );
}
