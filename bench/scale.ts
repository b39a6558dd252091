/**
 * `deno task bench scale`: data-parallel steps of 1, 2 and 4 processes on this machine beside torch's DistributedDataParallel on gloo.
 * The gradients are as many and as large as those of a LoRA adapter of Anole-7B, rank 16, all seven projections, and they are added up
 * over the processes in truth; what a GPU would compute is a delay of the same length, so that two cores can stand for four GPUs.
 * Efficiency is the time of a step of one process over that of N, each with the same work.
 *
 * @module
 */
import { H100_RATES } from "../lib/experiment/plan_time.ts";
import { trainingFlops } from "../lib/model/cost.ts";
import { PROJECTIONS, projectionShape } from "../lib/model/config.ts";
import { ANOLE_7B } from "../lib/model/presets.ts";
import { loadText, machine, machineText, type Meter, meter } from "./machine.ts";
import { type Answer, compared, median, type PairedCase, ratioText, round } from "./pairs.ts";
import { type Child, peerPython, report, startChild } from "./peer.ts";

const RANK = 16;
const [POSITIONS, IMAGE, MICRO] = [2096, 1024, 4]; // of a sequence; image tokens that it learns; sequences of a micro-batch

interface Case {
  readonly name: string;
  readonly sequences: number; // that each process computes in a step
  readonly rounds: number;
  readonly counts: readonly number[]; // of processes, the first of them 1
}

interface ScaleCase extends PairedCase {
  readonly processes: number;
  readonly seconds: number; // a step of ours
  readonly peer_seconds: number;
  readonly efficiency: number;
  readonly peer_efficiency: number;
  readonly waited: number; // seconds of a step that are not computing
}

const CASES: readonly Case[] = [
  { name: "24 sequences a GPU, the paper's share of four", sequences: 24, rounds: 3, counts: [1, 2, 4] },
  { name: "96 sequences a GPU, the paper's whole batch", sequences: 96, rounds: 2, counts: [1, 4] },
];

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  const python = peerPython();
  const here = machine();
  console.log(machineText(here));
  const shapes = PROJECTIONS.flatMap((projection) => {
    const [out, width] = projectionShape(ANOLE_7B, projection);
    return Array.from({ length: ANOLE_7B.layers }, () => [[RANK, width], [out, RANK]]).flat();
  });
  const parameters = shapes.reduce((sum, [a, b]) => sum + a! * b!, 0);
  console.log(`${shapes.length} gradients of ${parameters} numbers, ${(parameters * 4 / 2 ** 20).toFixed(0)} MiB of float32`);
  const results: ScaleCase[] = [];
  for (const each of CASES.filter(({ name }) => name.includes(only))) results.push(...await measure(each, shapes, python));
  report("scale", results, { machine: here, load_after: Number(loadText()), parameters });
}

async function measure(
  { name, sequences, rounds: turns, counts }: Case,
  shapes: readonly number[][],
  python: string,
): Promise<ScaleCase[]> {
  const loss = { asked: IMAGE, head: ANOLE_7B.vq.codes };
  const compute = sequences * trainingFlops(ANOLE_7B, POSITIONS, loss, true) / H100_RATES.train; // seconds
  console.log(`${name}: a delay of ${compute.toFixed(2)} s stands for computing (${H100_RATES.source})`);
  const ask = { compute, backward: compute * MICRO / sequences * 2 / 3 }; // of the last micro-batch, which the peer's sums overlap
  const results: ScaleCase[] = [];
  let single: { ours: number; peer: number } | undefined;
  for (const processes of counts) {
    const sides = {
      ours: startGroup(processes, (rank, ports) => startOurs(rank, ports, shapes)),
      peer: startGroup(processes, (rank, ports) => startPeer(rank, ports, shapes, python)),
    };
    try {
      const rounds = await alternateGroups(sides, ask, turns);
      const seconds = (side: readonly Answer[]) => median(side.map(({ seconds }) => seconds));
      const [ours, peer] = [seconds(rounds.ours), seconds(rounds.peer)];
      single ??= { ours, peer };
      const result = {
        ...compared({ name: `${name}, ${processes}`, unit: "steps/s", count: 1 }, rounds.ours, rounds.peer, rounds.others),
        ...{ processes, seconds: round(ours), peer_seconds: round(peer), waited: round(ours - compute) },
        ...{ efficiency: round(single.ours / ours), peer_efficiency: round(single.peer / peer) },
      };
      console.log(
        `${processes} processes: ours ${ours.toFixed(2)} s a step, efficiency ${result.efficiency}; peer ${peer.toFixed(2)} s, ` +
          `${result.peer_efficiency}; ${ratioText(result)}`,
      );
      results.push(result);
    } finally {
      await Promise.all([...sides.ours, ...sides.peer].map((child) => child.stop()));
    }
  }
  return results;
}

/** Asks all processes of a side at once; a step takes as long as its slowest. */
async function alternateGroups(
  sides: Readonly<Record<"ours" | "peer", readonly Child[]>>,
  ask: unknown,
  rounds: number,
): Promise<{ ours: Answer[]; peer: Answer[]; others: number }> {
  const answers = { ours: [] as Answer[], peer: [] as Answer[] };
  const shares: number[] = [];
  for (let turn = -1; turn < rounds; turn++) { // the first meets the others, and is not counted
    for (const side of ["ours", "peer"] as const) {
      const others: Meter = meter([...sides.ours, ...sides.peer].map(({ pid }) => pid));
      const question = turn < 0 ? { compute: 0, backward: 0 } : ask;
      const all = await Promise.all(sides[side].map((child) => child.ask<Answer>(question)));
      if (turn < 0) continue;
      answers[side].push({
        seconds: Math.max(...all.map(({ seconds }) => seconds)),
        memory: Math.max(...all.map(({ memory }) => memory)),
      });
      shares.push(others());
    }
  }
  return { ...answers, others: Math.max(...shares) };
}

function startGroup(count: number, start: (rank: number, ports: readonly number[]) => Child): Child[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
  listeners.forEach((listener) => listener.close());
  return ports.map((_, rank) => start(rank, ports));
}

function startOurs(rank: number, ports: readonly number[], shapes: readonly number[][]): Child {
  const script = new URL("scale_ours.ts", import.meta.url).pathname;
  const addresses = ports.map((port) => `127.0.0.1:${port}`).join();
  return startChild(Deno.execPath(), ["run", "-A", script, `${rank}`, addresses, JSON.stringify(shapes)]);
}

function startPeer(rank: number, ports: readonly number[], shapes: readonly number[][], python: string): Child {
  const script = new URL("peers/scale.py", import.meta.url).pathname;
  return startChild(python, [script, `${rank}`, `${ports.length}`, `${ports[0]}`, JSON.stringify(shapes)]);
}

if (import.meta.main) await main(Deno.args[0]);
