/**
 * A sum over processes of this machine, a GPU each where there are any: what training on several workers rests on, without a training.
 *
 * @module
 */
import { openBackend, tf, tidy, valuesOf } from "../engine/mod.ts";
import { joinCluster } from "../engine/collectives.ts";
import { readCluster } from "./cluster.ts";
import { environmentsOf, lastLineOf } from "./workers.ts";

/** What came of a sum, or why none did. */
export type TogetherSum =
  | { readonly right: boolean; readonly seconds: number; readonly mebibytes: number }
  | { readonly failed: string };

const MEBIBYTES = 64;
const PATIENCE = { join: 60, loss: 30, hang: 60 }; // seconds
const PERMISSIONS = ["--allow-read", "--allow-env", "--allow-ffi", "--allow-sys"];

/**
 * Starts processes that add up 64 MiB, and waits for them.
 *
 * @param count how many
 * @returns what the first of them saw
 */
export async function sumTogether(count: number): Promise<TogetherSum> {
  const outputs = environmentsOf(count).map((env) =>
    new Deno.Command(Deno.execPath(), { args: ["run", ...PERMISSIONS, import.meta.filename!], env, stdin: "null" }).output()
  );
  const ended = await Promise.all(outputs);
  const failed = ended.findIndex(({ success }) => !success);
  const said = (bytes: Uint8Array) => lastLineOf(new TextDecoder().decode(bytes));
  if (failed >= 0) return { failed: `process ${failed} of ${count}: ${said(ended[failed]!.stderr)}` };
  return JSON.parse(said(ended[0]!.stdout)) as TogetherSum;
}

/** One of the processes: each holds its number + 1 everywhere; the second sum is timed, as the first connects. */
async function main(): Promise<void> {
  const cluster = readCluster(Deno.env.toObject())!;
  await openBackend("tensorflow", cluster.share);
  const collectives = await joinCluster(cluster, PATIENCE);
  const own = tf.fill([MEBIBYTES * 2 ** 18], cluster.rank + 1);
  (await collectives.sum(own, true)).dispose();
  const start = performance.now();
  const sum = await collectives.sum(own, true);
  const seconds = (performance.now() - start) / 1000;
  const [least, most] = [tf.min(sum), tf.max(sum)].map((value) => tidy(() => valuesOf(value)[0]!));
  const expected = cluster.addresses.length * (cluster.addresses.length + 1) / 2;
  await collectives.leave();
  console.log(JSON.stringify({ right: least === expected && most === expected, seconds, mebibytes: MEBIBYTES }));
}

if (import.meta.main) {
  await main().catch((error: Error) => {
    console.error(error.message.split("\n")[0]);
    Deno.exit(1);
  });
}
