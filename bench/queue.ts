/**
 * `deno task bench queue`: a million ids on the queue, 16 a batch: how long publishing takes, bytes on disk, memory of the server, how
 * fast workers can take jobs, and what a worker that comes late waits. No model is run, and there is no peer.
 */
import { exists } from "../lib/files.ts";
import { connectQueue, publishJobs, standingOf, takeJob } from "../lib/queue/jetstream.ts";
import { serverPath, startServer } from "../lib/queue/server.ts";
import { loadText, machine, machineText } from "./machine.ts";

const [IDS, TOGETHER, TAKEN] = [1_000_000, 16, 2000];

/** Runs the bench. The last line is one JSON object. */
export async function main(): Promise<void> {
  if (!exists(serverPath())) throw new Error('nats-server is not installed: run "deno task setup --queue"');
  const here = machine();
  console.log(machineText(here));
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
  const { process, address } = await startServer("127.0.0.1:-1", folder);
  const connection = await connectQueue(address);
  try {
    const ids = Array.from({ length: IDS }, (_, i) => `kinetics-700/abseiling/${i.toString(36).padStart(11, "0")}_000010_000020`);
    const batches = Array.from({ length: Math.ceil(IDS / TOGETHER) }, (_, i) => ids.slice(i * TOGETHER, (i + 1) * TOGETHER));
    const jobs = { run: "bench", about: "a bench", batches };
    const idle = memoryOf(process.pid);
    const publish = await secondsOf(() => publishJobs(connection, jobs));
    const standing = await standingOf(connection, jobs.run);
    const late = await secondsOf(() => publishJobs(connection, jobs));
    const take = await secondsOf(async () => {
      for (let i = 0; i < TAKEN; i++) await (await takeJob(connection, jobs.run))!.message.ackAck();
    });
    const found = {
      ...{ ids: IDS, messages: standing!.jobs, publish_seconds: round(publish), late_seconds: round(late) },
      ...{ stream_mib: round(standing!.bytes / 2 ** 20), disk_mib: round(bytesBelow(folder) / 2 ** 20) },
      ...{
        server_mib: round(memoryOf(process.pid) / 2 ** 20),
        server_idle_mib: round(idle / 2 ** 20),
        jobs_per_second: round(TAKEN / take),
      },
    };
    console.log(
      `${found.messages} messages in ${found.publish_seconds} s, ${found.disk_mib} MiB on disk, ${found.server_mib} MiB in the server`,
    );
    console.log(JSON.stringify({ bench: "queue", machine: here, load_after: Number(loadText()), ...found }));
  } finally {
    await connection.close();
    process.kill();
    await process.status;
    Deno.removeSync(folder, { recursive: true });
  }
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Bytes of a process that are in memory. */
function memoryOf(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]);
}

function bytesBelow(folder: string): number {
  return [...Deno.readDirSync(folder)].reduce((sum, { name, isDirectory }) => {
    const path = `${folder}/${name}`;
    return sum + (isDirectory ? bytesBelow(path) : 512 * (Deno.statSync(path).blocks ?? 0));
  }, 0);
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
