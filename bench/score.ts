/**
 * `deno task bench score`: log-likelihoods of many completions after few prompts, ours with shared prefixes, ours with every
 * sequence whole, and transformers' on PyTorch; same checkpoint, same sequences, in alternating rounds. Images are scored among
 * image tokens, as verification scores them: the peer once over the whole vocabulary, as it is, and once with our head.
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
  readonly ratio_with_our_head: number; // over a peer that scores images among image tokens too
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
  const rows = isImage(bench) ? [`${FIRST_IMAGE}`, `${CODES}`] : [];
  const scorePeer = (...head: string[]) =>
    startChild(python, [file("peers/score.py"), folder, `${navigator.hardwareConcurrency}`, ...head]);
  const children = {
    ours: startChild(Deno.execPath(), ["run", "-A", file("score_ours.ts"), folder, ...rows]),
    peer: scorePeer(),
    rows: scorePeer(...rows),
  };
  const { ours, peer } = children;
  try {
    const { answers, others } = await alternate<keyof typeof children, Scored>({
      ours: { child: ours, ask: {} },
      peer: { child: peer, ask: {} },
      rows: { child: children.rows, ask: {} },
    });
    const alone = await alternate<"ours" | "whole", Scored>({
      ours: { child: ours, ask: {} },
      whole: { child: ours, ask: { whole: true } },
    });
    return describe(bench, { ...answers, alone: alone.answers }, others);
  } finally {
    await Promise.all(Object.values(children).map((child) => child.stop()));
    Deno.removeSync(folder, { recursive: true });
  }
}

interface Answers {
  readonly ours: readonly Scored[];
  readonly peer: readonly Scored[];
  readonly rows: readonly Scored[];
  readonly alone: { readonly ours: readonly Scored[]; readonly whole: readonly Scored[] };
}

function describe({ name, completion }: Case, { ours, peer, rows, alone }: Answers, others: number): ScoreCase {
  const apart = Math.max(...ours[0]!.sums.map((sum, i) => Math.abs(sum - rows[0]!.sums[i]!) / completion));
  const result = compared({ name, unit: "sequences/s", count: FAMILIES * EACH }, ours, peer, others);
  const [whole, withOurHead] = [timesOurs(alone.whole, alone.ours), timesOurs(rows, ours)];
  const ms = (answers: readonly Scored[]) => `${(median(answers.map(({ seconds }) => seconds)) * 1000).toFixed(0)} ms`;
  console.log(
    `${name}: shared ${ms(ours)}, whole ${ms(alone.whole)} (${whole} times), peer ${ms(peer)}, with our head ${ms(rows)}; ` +
      `${ratioText(result)}; means a token differ by ${apart.toFixed(4)} at most`,
  );
  return { ...result, over_ours_whole: whole, ratio_with_our_head: withOurHead };
}

/** Whether a case's completions are images rather than actions. */
function isImage({ completion }: Case): boolean {
  return completion === 256;
}

function randomFamilies(bench: Case): Sequence[][] {
  const { prompt, completion } = bench;
  const random = randomStream("bench score", prompt);
  const draw = (count: number, image: boolean) =>
    Array.from(
      { length: count },
      () => image ? FIRST_IMAGE + randomInt(random, CODES) : CODES + 10 + randomInt(random, VOCABULARY - CODES - 20),
    );
  return Array.from({ length: FAMILIES }, () => {
    const shared = draw(prompt, true);
    return Array.from({ length: EACH }, () => ({ prompt: shared, completion: draw(completion, isImage(bench)) }));
  });
}

if (import.meta.main) await main(Deno.args[0]);
