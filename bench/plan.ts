/**
 * `deno task bench plan`: memory as it is planned beside the memory that the same work takes, in processes of their own.
 *
 * @module
 */
import { openBackend } from "../lib/engine/mod.ts";
import { writeCheckpoint } from "./checkpoint.ts";
import { lastLine } from "./peer.ts";

const SIZES = [
  { name: "tiny (d 192, 4 layers)", width: 0, layers: 0 },
  { name: "d 512, 8 layers", width: 512, layers: 8 },
  { name: "d 1024, 12 layers", width: 1024, layers: 12 },
] as const;

/** What is done, and of how many at once. */
const WORK = [["train", 4], ["train checkpointed", 8], ["draw", 8], ["draw text", 16], ["score", 16], ["score shared", 4]] as const;
const PICTURES = [["encode", 1], ["encode", 2], ["decode", 1], ["decode", 2]] as const;

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  await openBackend("tensorflow");
  const rows: Record<string, Record<string, string>> = {};
  let worst = 0;
  const measure = async (name: string, folder: string, work: string, count: number) => {
    if (!`${name}: ${work}`.includes(only)) return;
    const script = new URL("plan_ours.ts", import.meta.url).pathname;
    const { planned, measured } = await lastLine<{ planned: number; measured: number }>(Deno.execPath(), [
      "run",
      "-A",
      script,
      folder,
      work,
      `${count}`,
    ]);
    worst = Math.max(worst, Math.abs(planned / measured - 1));
    rows[`${name}: ${work}, ${count} at once`] = {
      planned: mib(planned),
      measured: mib(measured),
      ratio: (planned / measured).toFixed(2),
    };
    console.log(`${name}: ${work}, ${count} at once: ${JSON.stringify(Object.values(rows).at(-1))}`);
  };
  for (const { name, width, layers } of SIZES) {
    const folder = width === 0 ? "data/tiny" : Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
    try {
      if (width > 0) writeCheckpoint(folder, width, layers);
      for (const [work, count] of WORK) await measure(name, folder, work, count);
    } finally {
      if (width > 0) Deno.removeSync(folder, { recursive: true });
    }
  }
  for (const [work, count] of PICTURES) await measure("Anole's VQGAN", "data/tiny", work, count);
  console.table(rows);
  console.log(JSON.stringify({ bench: "plan", worst: Number(worst.toFixed(3)), cases: rows }));
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

if (import.meta.main) await main(Deno.args[0]);
