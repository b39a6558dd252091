/**
 * A run's jobs in NATS JetStream: a stream a run, a message a batch, a consumer that all workers share. The stream keeps one
 * message a subject and refuses a second, so that every worker may publish all of them.
 *
 * @module
 */
import { AckPolicy, DiscardPolicy, jetstream, JetStreamApiError, jetstreamManager, type JsMsg, RetentionPolicy } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { Buffer } from "node:buffer";
import { UserError } from "../errors.ts";
import { connect } from "./transport.ts";

/** What a run's workers share. */
export interface RunJobs {
  /** Names the run, `\w` and dashes: equal for all of its workers and for no other run. */
  readonly run: string;
  /** What it is, for people: "annotate in runs/paper/annotate". */
  readonly about: string;
  /** The names of each batch's items. */
  readonly batches: readonly (readonly string[])[];
}

/** A job as its message tells it: a batch, or the last one of all, which is to put everything together. */
export interface Job {
  /** The batch's place; absent in the last job. */
  readonly batch?: number;
  /** The names of its items. */
  readonly ids?: readonly string[];
}

/** How far a run is. */
export interface Standing {
  /** Its name. */
  readonly run: string;
  /** What it is. */
  readonly about: string;
  /** Its jobs, the last one included. */
  readonly jobs: number;
  /** Those that are done or set aside. */
  readonly done: number;
  /** Those that workers have. */
  readonly inWork: number;
  /** How many of those in work were given out before. */
  readonly again: number;
  /** Bytes on the server's disk. */
  readonly bytes: number;
}

/** Names of streams begin so. */
const PREFIX = "worldstrap-";

/** The consumer that all workers of a run share. */
const CONSUMER = "workers";

/** After so long without a sign of life a job is given to another worker, in milliseconds. */
export const WAIT = 10_000;

/**
 * Connects to a server. A token, or user and password, come from the environment: `NATS_TOKEN`, `NATS_USER`, `NATS_PASSWORD`.
 *
 * @param address nats://HOST:PORT, or tls://
 * @returns the connection; it is made again whenever it is lost
 * @throws UserError when there is no server, or it refuses
 */
export async function connectQueue(address: string): Promise<NatsConnection> {
  if (!/^(nats|tls):\/\/[^@/\s]+$/.test(address)) {
    throw new UserError(`Cannot use "${address}" as a queue: give nats://HOST:PORT or tls://HOST:PORT, and what is secret by NATS_TOKEN`);
  }
  const [token, user, pass] = ["NATS_TOKEN", "NATS_USER", "NATS_PASSWORD"].map((name) => Deno.env.get(name));
  const secret = { ...(token && { token }), ...(user && { user, pass: pass ?? "" }) };
  try {
    return await connect({
      ...{ servers: address.replace(/^\w+:\/\//, ""), ...secret, maxReconnectAttempts: -1, reconnectTimeWait: 500, timeout: 5000 },
      ...(address.startsWith("tls:") && { tls: {} }),
    });
  } catch (error) {
    throw new UserError(
      `Cannot reach a queue at ${address} (${(error as Error).message}): start one by "deno task queue start", or give another address`,
      { cause: error },
    );
  }
}

/**
 * Makes a run's stream, its consumer and its messages, as far as they are not there.
 *
 * @param connection to the server
 * @param jobs of the run
 * @throws UserError when the server has no JetStream
 */
export async function publishJobs(connection: NatsConnection, { run, about, batches }: RunJobs): Promise<void> {
  const manager = await jetstreamManager(connection).catch((error) => {
    throw new UserError(`Cannot use ${connection.getServer()} as a queue (${error.message}): start it with JetStream, nats-server -js`);
  });
  const name = `${PREFIX}${run}`;
  const info = await manager.streams.add({
    ...{ name, description: about, subjects: [`${name}.>`], retention: RetentionPolicy.Limits },
    ...{ discard: DiscardPolicy.New, discard_new_per_subject: true, max_msgs_per_subject: 1 },
  }).catch((error) => {
    if (/different configuration/.test(error.message)) return manager.streams.info(name); // another worker knows the folder by another path
    throw error;
  });
  await manager.consumers.add(name, {
    ...{ durable_name: CONSUMER, ack_policy: AckPolicy.Explicit, ack_wait: WAIT * 1e6, max_deliver: -1, max_ack_pending: 100_000 },
  });
  if (info.state.messages === batches.length + 1) return; // another worker has published them
  const stream = jetstream(connection);
  const publish = (subject: string, job: Job) =>
    stream.publish(`${name}.${subject}`, JSON.stringify(job), { msgID: `${run}/${subject}` }).catch((error) => {
      if (!(error instanceof JetStreamApiError && /maximum messages per subject/.test(error.message))) throw error; // it is there
    });
  for (let start = 0; start < batches.length; start += 512) { // so many unanswered at once
    await Promise.all(batches.slice(start, start + 512).map((ids, i) => publish(`${start + i}`, { batch: start + i, ids })));
  }
  await publish("last", {});
}

/** A job that this worker has, until it is done or handed back. */
export interface Taken {
  /** The job. */
  readonly job: Job;
  /** How often it was given out, this time included. */
  readonly tries: number;
  /** The message. */
  readonly message: JsMsg;
}

/**
 * Takes the next job.
 *
 * @param connection to the server
 * @param run the run's name
 * @returns the job, or undefined when the run is no longer there, as it is finished
 */
export async function takeJob(connection: NatsConnection, run: string): Promise<Taken | undefined> {
  const stream = jetstream(connection);
  while (!connection.isClosed()) {
    const message = await throughOutage(connection, async () => {
      const consumer = await stream.consumers.get(`${PREFIX}${run}`, CONSUMER);
      return await consumer.next({ expires: 2000 });
    });
    if (message === GONE) return;
    if (message) return { job: message.json<Job>(), tries: message.info.deliveryCount, message };
  }
}

/** What there is of a run that the server does not know. */
const GONE: unique symbol = Symbol("gone");

/** Asks a server, again and again while it is away: the connection comes back with it. */
async function throughOutage<T>(connection: NatsConnection, ask: () => Promise<T>): Promise<T | typeof GONE> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof JetStreamApiError && /(stream|consumer) not found/.test(error.message)) return GONE;
      if (connection.isClosed()) throw error;
      await new Promise((done) => setTimeout(done, 500));
    }
  }
}

/** Removes a run from the server, as it is finished. */
export async function removeRun(connection: NatsConnection, run: string): Promise<void> {
  await throughOutage(connection, async () => await (await jetstreamManager(connection)).streams.delete(`${PREFIX}${run}`));
}

/**
 * How far a run is.
 *
 * @param connection to the server
 * @param run its name
 * @returns what is known of it, or undefined when the server does not know it
 */
export async function standingOf(connection: NatsConnection, run: string): Promise<Standing | undefined> {
  const name = `${PREFIX}${run}`;
  const found = await throughOutage(connection, async (): Promise<Standing> => {
    const manager = await jetstreamManager(connection);
    const { config: { description }, state } = await manager.streams.info(name);
    const { num_pending: pending, num_ack_pending: inWork, num_redelivered: again } = await manager.consumers.info(name, CONSUMER);
    const done = state.messages - pending - inWork;
    return { run, about: description ?? "", jobs: state.messages, bytes: state.bytes, done, inWork, again };
  });
  return found === GONE ? undefined : found;
}

/** How far all runs on a server are. */
export async function allStandings(connection: NatsConnection): Promise<Standing[]> {
  const names = await Array.fromAsync((await jetstreamManager(connection)).streams.names());
  const runs = names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)).toSorted();
  return (await Promise.all(runs.map((run) => standingOf(connection, run)))).filter((one) => one !== undefined);
}

/** A worker, as it answers when it is asked. */
export interface WorkerAnswer {
  /** Machine and process. */
  readonly worker: string;
  /** Batches that it has done. */
  readonly batches: number;
  /** Items in them. */
  readonly items: number;
  /** Seconds since it began. */
  readonly seconds: number;
}

/** Lets a worker answer the question who works on a run, as soon as this returns: the server knows of it by then. */
export async function answerFor(connection: NatsConnection, run: string, answer: () => WorkerAnswer): Promise<void> {
  connection.subscribe(`worldstrap.who.${run}`, { callback: (_, message) => void message.respond(JSON.stringify(answer())) });
  await connection.flush();
}

/** Who works on a run, among those who answer within half a second. */
export async function workersOf(connection: NatsConnection, run: string): Promise<WorkerAnswer[]> {
  const found: WorkerAnswer[] = [];
  try {
    const answers = await connection.requestMany(`worldstrap.who.${run}`, "", { maxWait: 500 });
    for await (const answer of answers) found.push(JSON.parse(Buffer.from(answer.data).toString()));
  } catch { /* nobody listens */ }
  return found.toSorted((a, b) => a.worker < b.worker ? -1 : 1);
}
