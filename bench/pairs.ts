/**
 * Alternating runs of ours and of peers on a machine that others may use too: each round asks every side once, and a ratio is the
 * median of the rounds' ratios.
 *
 * @module
 */
import { type Meter, meter } from "./machine.ts";
import type { BenchCase, Child } from "./peer.ts";

/** Rounds that a ratio is the median of. */
export const ROUNDS = 5;
const BUSY = 0.15; // of the machine: from here on a case is marked

/** A side of a comparison, and what it is asked in each round. */
export interface Side {
  /** The process. */
  readonly child: Child;
  /** The question. */
  readonly ask: unknown;
}

/** What a side answers at least. */
export interface Answer {
  /** Seconds that the work took. */
  readonly seconds: number;
  /** The process's peak memory, bytes. */
  readonly memory: number;
}

/** The answers of each side, round by round, and the largest share of the machine that others took in a round. */
export interface Rounds<K extends string, A> {
  /** By side. */
  readonly answers: Readonly<Record<K, readonly A[]>>;
  /** 0 … 1. */
  readonly others: number;
}

/** Asks the sides in turn, after `warm` rounds that are not counted. */
export async function alternate<K extends string, A extends Answer>(sides: Readonly<Record<K, Side>>, warm = 1): Promise<Rounds<K, A>> {
  const names = Object.keys(sides) as K[];
  const answers = Object.fromEntries(names.map((name) => [name, [] as A[]])) as Record<K, A[]>;
  const shares: number[] = [];
  for (let round = -warm; round < ROUNDS; round++) {
    for (const name of names) {
      const { child, ask } = sides[name];
      const others: Meter = meter([child.pid]);
      const answer = await child.ask<A>(ask);
      if (round < 0) continue;
      answers[name].push(answer);
      shares.push(others());
    }
  }
  return { answers, others: Math.max(...shares) };
}

/** A case with what its rounds say beside the ratio. */
export interface PairedCase extends BenchCase {
  /** The rounds' lowest and highest ratio. */
  readonly spread: readonly [number, number];
  /** The largest share of the machine that others took. */
  readonly others: number;
  /** Whether that was so much that the ratio says little. */
  readonly busy: boolean;
}

/** Compares ours with a peer; `count` is the work of an answer in the unit. */
export function compared(
  { name, unit, count }: { readonly name: string; readonly unit: string; readonly count: number },
  ours: readonly Answer[],
  peer: readonly Answer[],
  others: number,
): PairedCase {
  const ratios = ours.map(({ seconds }, i) => peer[i]!.seconds / seconds);
  const speed = (answers: readonly Answer[]) => round(count / median(answers.map(({ seconds }) => seconds)));
  return {
    ...{ case: name, unit, ours: speed(ours), peer: speed(peer), ratio: round(median(ratios)) },
    memory_ratio: round(ours.at(-1)!.memory / peer.at(-1)!.memory),
    ...{ spread: [round(Math.min(...ratios)), round(Math.max(...ratios))], others: round(others), busy: others > BUSY },
  };
}

/** The median of each round's ratio to ours: how many times longer a side takes. */
export function timesOurs(side: readonly Answer[], ours: readonly Answer[]): number {
  return round(median(side.map(({ seconds }, i) => seconds / ours[i]!.seconds)));
}

/** The middle value; of an even number, the higher of both. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** Four digits. */
export function round(x: number): number {
  return Number(x.toPrecision(4));
}

/** A ratio with its spread, for the line of a case. */
export function ratioText({ ratio, spread, busy }: PairedCase): string {
  return `${ratio} times (${spread.join(" to ")})${busy ? ", busy" : ""}`;
}
