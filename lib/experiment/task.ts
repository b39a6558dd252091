/**
 * What a task tells of itself, and what it is told.
 *
 * @module
 */
import type { Override } from "./config.ts";
import type { Config } from "./schema.ts";

/** A task as the command line sees it. */
export interface TaskInfo {
  /** Its name, as in `deno task NAME`. */
  readonly name: string;
  /** What it does, in a sentence or two. */
  readonly about: string;
  /** Sections of the configuration that it reads. */
  readonly sections: readonly (keyof Config)[];
  /** Stages whose files it reads before it opens: their names, or paths. What is missing is run first; adapters, when it opens. */
  readonly needs?: (invocation: Invocation) => readonly string[];
  /** What may stand before the flags, with what it does. */
  readonly verbs?: Readonly<Record<string, string>>;
  /** Names of which several may stand before or between the flags, with what they are. */
  readonly names?: Readonly<Record<string, string>>;
  /** What the files are that may stand before or between the flags. */
  readonly paths?: string;
  /** Its own flags that stand alone, with what they do. */
  readonly switches?: Readonly<Record<string, string>>;
  /** Its own flags that take a value, with what they do. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** A parsed command line. */
export interface Invocation {
  /** The resolved configuration. */
  readonly config: Config;
  /** Flags that were given, with their values ("" for one that stands alone). */
  readonly flags: Readonly<Record<string, string>>;
  /** What stands before the flags. */
  readonly verb?: string;
  /** The names, or the files' paths, that were given. */
  readonly names?: readonly string[];
  /** What the command line sets of the configuration. */
  readonly overrides: readonly Override[];
}

/** The switches of tasks that build on earlier stages. */
export const STAGE_SWITCHES: Readonly<Record<string, string>> = {
  "no-deps": "refuse instead of running an earlier stage that is missing",
  "allow-overlap": "go on although the bench shares pictures with the training lists; every table then says so",
};

/** The flag of tasks that measure on a bench, or may train what must not have seen it. */
export const BENCH_FLAG: Readonly<Record<string, string>> = {
  bench: "AURORA lists to measure on, whose pictures nothing may be trained on; short for --bench.aurora",
};

/** The flags of tasks whose work several processes share. */
export const WORKERS_FLAGS: Readonly<Record<string, string>> = {
  workers: "so many processes on this machine train together, one a GPU; launchers name those on several machines",
  patience:
    "seconds without a sign of life after which a worker counts as lost, and the others stop (default 60); ten times that for a step",
};

/** The switch of tasks whose workers may spread the base. */
export const SHARDED_SWITCH: Readonly<Record<string, string>> = {
  sharded: "each worker holds a part of every block, and all gather a block's weights when it runs; needs checkpointing, draws no pictures",
};

/** The flag of tasks that write predicted pictures. */
export const PROVENANCE_FLAG: Readonly<Record<string, string>> = {
  provenance: "false: pictures do not say that a model made them, with which base, adapter, seed and action (default true)",
};

/** The flag of tasks whose work can be split. */
export const SHARD_FLAG: Readonly<Record<string, string>> = {
  shard: "i/n: do every n-th item or batch from the i-th on, as one of n workers, or auto in a job array; the next stage joins the shards",
};

/** The flag of tasks whose work a queue can deal out. */
export const QUEUE_FLAG: Readonly<Record<string, string>> = {
  queue: "nats://HOST:PORT: work with all who run the same command, in one folder; batches are dealt out, also those of workers that die",
};

/** The flags of tasks whose work can be split, or dealt out by a queue. */
export const WORKER_FLAGS: Readonly<Record<string, string>> = { ...SHARD_FLAG, ...QUEUE_FLAG };
