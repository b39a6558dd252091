/**
 * `deno task bench sample`: images drawn by us and by transformers' `generate` on PyTorch; same checkpoint, same prompts, one run.
 * Each case runs as alternating pairs, ours and the peer's, and its ratio is the median of the pairs' ratios. Candidates of one
 * source are drawn as 8 rows; a bench of sources in the batch that suits each side best.
 *
 * @module
 */
import { plotLines, type PlotPoint } from "../lib/report/mod.ts";
import { openBackend, randomInt, randomStream } from "../lib/engine/mod.ts";
import { CODES, FIRST_IMAGE, VOCABULARY, writeCheckpoint } from "./checkpoint.ts";
import { loadText, machine, machineText, othersShare } from "./machine.ts";
import { median, round } from "./pairs.ts";
import { type BenchCase, type Child, peerPython, report, startChild } from "./peer.ts";
import type { Ask } from "./sample_ours.ts";

interface Answer {
  readonly seconds: number;
  readonly memory: number;
  readonly bytes: number; // that ours must read
  readonly readSpeed: number; // bytes a second, when it was measured
}

interface Sides {
  readonly ours: Child;
  readonly peer: Child;
}

/** A case with what its pairs say beside the ratio. */
interface SampleCase extends BenchCase {
  readonly with_adapter: number; // ours, tokens/s
  readonly spread: readonly [number, number]; // the pairs' lowest and highest ratio
  readonly others: number; // the largest share of the machine that others took before a pair
  readonly busy: boolean; // then the ratio says little
}

const CASES = [{ width: 256, layers: 6 }, { width: 512, layers: 8 }, { width: 1024, layers: 12 }];
const [PROMPT, TOKENS, CANDIDATES, PAIRS] = [288, 256, 8, 5];
const BATCHES = [16, 32, 64];
const BUSY = 0.1; // of the machine: from here on a pair is marked

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  const python = peerPython();
  await openBackend("tensorflow");
  const here = machine();
  console.log(machineText(here));
  const results: SampleCase[] = [];
  const byCount: PlotPoint[] = [];
  for (const { width, layers } of CASES.filter((one) => namesOf(one).some((name) => name.includes(only)))) {
    const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
    try {
      writeCheckpoint(folder, width, layers);
      Deno.writeTextFileSync(`${folder}/prompts.json`, JSON.stringify(randomPrompts(width)));
      results.push(...await measure(python, folder, namesOf({ width, layers }).map((name) => name.includes(only) && name), byCount));
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  }
  await plotLines("runs/bench/candidates", byCount, { x: `candidates of one source, ${TOKENS} tokens each`, y: "seconds" });
  console.log("  runs/bench/candidates.png   cost against N");
  if (results.some(({ busy }) => busy)) {
    console.log(`Cases marked busy ran beside others' work: their ratios say little. Load ${loadText()}`);
  }
  report("sample", results, { machine: here, load_after: Number(loadText()) });
}

/** The cases of a shape: candidates of one source, and a bench of sources. */
function namesOf({ width, layers }: { width: number; layers: number }): [string, string] {
  const name = `d ${width}, ${layers} layers`;
  return [`${name}, ${CANDIDATES} candidates of one source`, `${name}, many sources`];
}

/** The cases of a checkpoint that have a name. Each side runs in one process of its own, the model loaded once. */
async function measure(
  python: string,
  folder: string,
  [latency, throughput]: (string | false)[],
  byCount: PlotPoint[],
): Promise<SampleCase[]> {
  const file = (path: string) => new URL(path, import.meta.url).pathname;
  const sides = {
    ours: startChild(Deno.execPath(), ["run", "-A", file("sample_ours.ts"), folder]),
    peer: startChild(python, [file("peers/sample.py"), folder, `${navigator.hardwareConcurrency}`]),
  };
  const ask: Ask = { rows: CANDIDATES, sources: 1, tokens: TOKENS };
  const results: SampleCase[] = [];
  try {
    if (latency) results.push(await pairs(latency, sides, ask, ask));
    if (throughput) {
      const best = { ours: await bestBatch(sides.ours), peer: await bestBatch(sides.peer) };
      results.push(await pairs(`${throughput}, ${best.ours.rows} rows (peer ${best.peer.rows})`, sides, best.ours, best.peer));
    }
    if (latency) await describeOurs(latency, sides.ours, ask, byCount); // last, as it takes memory of its own
    return results;
  } finally {
    await Promise.all([sides.ours.stop(), sides.peer.stop()]);
  }
}

/** The batch of many sources in which a side draws most tokens a second. */
async function bestBatch(side: Child): Promise<Ask> {
  let best: { ask: Ask; speed: number } | undefined;
  for (const rows of BATCHES) {
    const ask: Ask = { rows, sources: rows, tokens: TOKENS };
    const short = { ...ask, tokens: TOKENS / 4 };
    await side.ask(short); // ours compiles
    const { seconds } = await side.ask<Answer>(short);
    if (!best || rows / seconds > best.speed) best = { ask, speed: rows / seconds };
  }
  return best!.ask;
}

/** Alternating pairs, after a run of each side that is not counted. */
async function pairs(name: string, { ours, peer }: Sides, ask: Ask, peerAsk: Ask): Promise<SampleCase> {
  for (const warm of [ask, { ...ask, adapter: true }]) await ours.ask(warm);
  await peer.ask({ ...peerAsk, tokens: 8 });
  const [mine, theirs, adapted, others]: [number[], number[], number[], number[]] = [[], [], [], []];
  let memory = [0, 0] as [number, number];
  for (let pair = 0; pair < PAIRS; pair++) {
    others.push(await othersShare());
    const first = await ours.ask<Answer>(ask);
    const second = await peer.ask<Answer>(peerAsk);
    adapted.push((await ours.ask<Answer>({ ...ask, adapter: true })).seconds);
    mine.push(ask.rows * TOKENS / first.seconds);
    theirs.push(peerAsk.rows * TOKENS / second.seconds);
    memory = [first.memory, second.memory];
  }
  const ratios = mine.map((speed, i) => speed / theirs[i]!);
  const result: SampleCase = {
    ...{ case: name, unit: "tokens/s", ours: round(median(mine)), peer: round(median(theirs)), ratio: round(median(ratios)) },
    ...{ memory_ratio: round(memory[0] / memory[1]), with_adapter: round(ask.rows * TOKENS / median(adapted)) },
    ...{ spread: [round(Math.min(...ratios)), round(Math.max(...ratios))], others: round(Math.max(...others)) },
    busy: Math.max(...others) > BUSY,
  };
  const { ratio, spread, busy } = result;
  console.log(`${name}: ${result.ours} and ${result.peer} tokens/s, ${ratio} times (${spread.join(" to ")})${busy ? ", busy" : ""}`);
  return result;
}

/** What one candidate more costs, what verification does, and how much of the machine's read speed the drawing takes. */
async function describeOurs(name: string, ours: Child, ask: Ask, byCount: PlotPoint[]): Promise<void> {
  const fastest = async (asked: Ask) => {
    await ours.ask(asked);
    const answers = [await ours.ask<Answer>(asked), await ours.ask<Answer>(asked)];
    return answers.toSorted((a, b) => a.seconds - b.seconds)[0]!;
  };
  const times = new Map<number, number>();
  for (const rows of [1, 2, 4, 8]) times.set(rows, (await fastest({ ...ask, rows })).seconds);
  byCount.push(...[...times].map(([x, y]) => ({ x, y, line: name })));
  const drawing = await fastest(ask);
  const rewards = [await fastest({ ...ask, rows: 1, verify: true }), await fastest({ ...ask, verify: true })] as const;
  const share = drawing.bytes / drawing.seconds / rewards[1].readSpeed;
  console.log(
    `  candidates ${[...times].map(([n, s]) => `${n}: ${s.toFixed(2)} s`).join(", ")}; verification of 8 takes ${
      rewards[1].seconds.toFixed(2)
    } s, ${(rewards[1].seconds / rewards[0].seconds).toFixed(1)} times one; ${(100 * share).toFixed(0)} % of the ${
      (rewards[1].readSpeed / 1e9).toFixed(1)
    } GB/s that a sum reads`,
  );
}

function randomPrompts(width: number): number[][] {
  const random = randomStream("bench sample", width);
  const text = () => CODES + 10 + randomInt(random, VOCABULARY - CODES - 20);
  const prompt = () => Array.from({ length: PROMPT }, (_, i) => i < 260 ? FIRST_IMAGE + randomInt(random, CODES) : text());
  return Array.from({ length: Math.max(...BATCHES) }, prompt);
}

if (import.meta.main) await main(Deno.args[0]);
