/**
 * `deno task bench score`: log-likelihoods of many completions after few prompts, ours with shared prefixes, ours with every
 * sequence whole, and transformers' on PyTorch; same checkpoint, same sequences, in alternating rounds.
 *
 * @module
 */
import { openBackend, randomInt, randomStream } from "../lib/engine/mod.ts";
import type { Sequence } from "../lib/tokens/mod.ts";
import { CODES, FIRST_IMAGE, VOCABULARY, writeCheckpoint } from "./checkpoint.ts";
import { loadText, machine, machineText } from "./machine.ts";
import { alternate, type Answer, compared, median, type PairedCase, ratioText, timesOurs } from "./pairs.ts";
import { peerPython, report, startChild } from "./peer.ts";

interface Case {
  readonly name: string;
  readonly width: number;
  readonly layers: number;
  readonly prompt: number; // ids that the sequences of a family share
  readonly completion: number;
}

interface Scored extends Answer {
  readonly sums: readonly number[];
}

interface ScoreCase extends PairedCase {
  readonly over_ours_whole: number; // what sharing prefixes brings
}

const CASES: readonly Case[] = [
  { name: "d 256, 8 actions each of 4 pairs of images", width: 256, layers: 6, prompt: 530, completion: 12 },
  { name: "d 512, 8 actions each of 4 pairs of images", width: 512, layers: 8, prompt: 530, completion: 12 },
  { name: "d 512, 8 images each of 4 sources", width: 512, layers: 8, prompt: 280, completion: 256 },
];
const [FAMILIES, EACH] = [4, 8];

/** Runs the bench; `only` picks cases whose name contains it. */
export async function main(only = ""): Promise<void> {
  const python = peerPython();
  await openBackend("tensorflow");
  const here = machine();
  console.log(machineText(here));
  const results: ScoreCase[] = [];
  for (const each of CASES.filter(({ name }) => name.includes(only))) results.push(await measure(each, python));
  report("score", results, { machine: here, load_after: Number(loadText()) });
}

async function measure(bench: Case, python: string): Promise<ScoreCase> {
  const folder = Deno.makeTempDirSync({ prefix: "worldstrap-bench-" });
  writeCheckpoint(folder, bench.width, bench.layers);
  Deno.writeTextFileSync(`${folder}/families.json`, JSON.stringify(randomFamilies(bench)));
  const file = (path: string) => new URL(path, import.meta.url).pathname;
  const [ours, peer] = [
    startChild(Deno.execPath(), ["run", "-A", file("score_ours.ts"), folder]),
    startChild(python, [file("peers/score.py"), folder, `${navigator.hardwareConcurrency}`]),
  ];
  try {
    const paired = await alternate<"ours" | "peer", Scored>({ ours: { child: ours, ask: {} }, peer: { child: peer, ask: {} } });
    const { answers, others } = paired;
    const alone = await alternate<"ours" | "whole", Scored>({
      ours: { child: ours, ask: {} },
      whole: { child: ours, ask: { whole: true } },
    });
    return describe(bench, { ...answers, alone: alone.answers }, others);
  } finally {
    await Promise.all([ours.stop(), peer.stop()]);
    Deno.removeSync(folder, { recursive: true });
  }
}

interface Answers {
  readonly ours: readonly Scored[];
  readonly peer: readonly Scored[];
  readonly alone: { readonly ours: readonly Scored[]; readonly whole: readonly Scored[] };
}

function describe({ name, completion }: Case, { ours, peer, alone }: Answers, others: number): ScoreCase {
  const apart = Math.max(...ours[0]!.sums.map((sum, i) => Math.abs(sum - peer[0]!.sums[i]!) / completion));
  const result = compared({ name, unit: "sequences/s", count: FAMILIES * EACH }, ours, peer, others);
  const whole = timesOurs(alone.whole, alone.ours);
  const ms = (answers: readonly Scored[]) => `${(median(answers.map(({ seconds }) => seconds)) * 1000).toFixed(0)} ms`;
  console.log(
    `${name}: shared ${ms(ours)}, whole ${ms(alone.whole)} (${whole} times), peer ${ms(peer)}; ${ratioText(result)}; ` +
      `means a token differ by ${apart.toFixed(4)} at most`,
  );
  return { ...result, over_ours_whole: whole };
}

function randomFamilies({ prompt, completion }: Case): Sequence[][] {
  const random = randomStream("bench score", prompt);
  const isImage = completion === 256;
  const draw = (count: number, image: boolean) =>
    Array.from(
      { length: count },
      () => image ? FIRST_IMAGE + randomInt(random, CODES) : CODES + 10 + randomInt(random, VOCABULARY - CODES - 20),
    );
  return Array.from({ length: FAMILIES }, () => {
    const shared = draw(prompt, true);
    return Array.from({ length: EACH }, () => ({ prompt: shared, completion: draw(completion, isImage) }));
  });
}

if (import.meta.main) await main(Deno.args[0]);
