/**
 * Which part of a stage a worker takes: `--shard=i/n` as it is written, or `--shard=auto` by what a scheduler tells its tasks.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** The variable that tells how many shards there are; Kubernetes never does, and SLURM not for an array that is run again in part. */
export const SHARDS = "WORLDSTRAP_SHARDS";

/** A worker's place among all. */
interface Place {
  readonly i: number;
  readonly n: number | undefined; // the scheduler does not say
  readonly by: string; // the variables that it was read from
}

/**
 * The shard of a worker that a scheduler started: SLURM's job arrays and Kubernetes' indexed jobs.
 *
 * @param get reads a variable of the environment
 * @returns i/n, as `--shard` takes it
 * @throws UserError when the variables are missing, or contradict each other
 */
export function shardOfEnvironment(get: (name: string) => string | undefined): string {
  const number = (name: string) => wholeNumber(name, get(name));
  const stated = number(SHARDS);
  const places = [slurmPlace(number, stated), kubernetesPlace(number)].filter((place) => place !== undefined);
  const [place, other] = places;
  if (!place) {
    throw new UserError(
      "Cannot tell the shard by --shard=auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; " +
        "start the task as a job array or an indexed job, or give --shard=i/n",
    );
  }
  const n = stated ?? place.n;
  if (other && (other.i !== place.i || (n !== undefined && other.n !== undefined && other.n !== n))) {
    throw new UserError(`Cannot tell the shard by --shard=auto: ${place.by} and ${other.by} contradict each other; give --shard=i/n`);
  }
  if (n === undefined) {
    throw new UserError(`Cannot tell the shard by --shard=auto: ${place.by}, but not of how many; set ${SHARDS} to the job's completions`);
  }
  if (place.i >= n) {
    throw new UserError(
      `Cannot tell the shard by --shard=auto: ${place.by}, but there are ${n} shards, from 0 to ${n - 1}; ` +
        `start as many tasks as ${SHARDS} says`,
    );
  }
  return `${place.i}/${n}`;
}

/** An array counts from its own first number, unless the number of shards is stated: then its numbers are the shards'. */
function slurmPlace(number: (name: string) => number | undefined, stated: number | undefined): Place | undefined {
  const id = number("SLURM_ARRAY_TASK_ID");
  if (id === undefined) return;
  const by = `SLURM_ARRAY_TASK_ID is ${id}`;
  if (stated !== undefined) return { i: id, n: stated, by };
  const [n, first, last] = ["COUNT", "MIN", "MAX"].map((name) => number(`SLURM_ARRAY_TASK_${name}`));
  if (n === undefined || first === undefined) return { i: id, n, by };
  if (id < first || id - first >= n || (last !== undefined && last - first !== n - 1)) {
    throw new UserError(
      `Cannot tell the shard by --shard=auto: ${by} in an array of ${n} from ${first}${last === undefined ? "" : ` to ${last}`}, ` +
        `which has gaps; set ${SHARDS} to the number of shards, whose numbers the array's then are`,
    );
  }
  return { i: id - first, n, by };
}

function kubernetesPlace(number: (name: string) => number | undefined): Place | undefined {
  const i = number("JOB_COMPLETION_INDEX");
  return i === undefined ? undefined : { i, n: undefined, by: `JOB_COMPLETION_INDEX is ${i}` };
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined || text === "") return;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UserError(`Cannot tell the shard by --shard=auto: ${name} is ${JSON.stringify(text.slice(0, 40))}, which is no whole number`);
}
