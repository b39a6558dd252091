/**
 * The desk between those who ask and the models, which answer a batch at a time: who waits where, who is told what, who went away.
 *
 * @module
 */
import { fairQueue, type Waiting } from "./queue.ts";
import type { Answer, Growth, Question } from "./questions.ts";

/** What somebody who asked is told, in order: a place in the queue, several times; that it has begun; how far it is; the end. */
export type Told =
  | { readonly place: number }
  | { readonly begun: true }
  | { readonly growth: Growth }
  | { readonly answer: Answer };

/** Questions that are answered together. */
export interface Batch {
  /** Its number, from 1 on. */
  readonly number: number;
  /** The questions, all of one kind. */
  readonly questions: readonly Question[];
}

/** The desk. */
export interface Desk {
  /**
   * Asks.
   *
   * @param asker whose question it is
   * @param question what is asked
   * @param tell is told what happens; never after the answer, nor after it was taken back
   * @returns takes the question back
   */
  ask(asker: Asker, question: Question, tell: (told: Told) => void): () => void;
  /** The next questions to be answered, once there are some. One batch at a time. */
  next(): Promise<Batch>;
  /** The running batch is so far. */
  grow(growth: readonly Growth[]): void;
  /** The running batch is answered. */
  answer(answers: readonly Answer[]): void;
  /** How many of a tree's, of a person's, and of all are waiting or running. */
  load(asker: Asker): { readonly tree: number; readonly own: number; readonly all: number };
}

/** Who asks, and of which tree. */
export type Asker = Pick<Waiting, "person" | "tree">;

interface Asked extends Waiting {
  readonly question: Question;
  readonly tell: (told: Told) => void;
}

/**
 * Opens a desk.
 *
 * @param together questions that are answered together at most
 * @param onUnwanted told the number of a running batch of which every question was taken back
 * @returns the desk
 */
export function openDesk(together: number, onUnwanted: (batch: number) => void = () => {}): Desk {
  const queue = fairQueue<Asked>();
  let running: (Asked | undefined)[] = []; // undefined: taken back
  let number = 0;
  let wake: (batch: Batch) => void = () => {};
  let isIdle = false;
  const inWork = () => running.filter((asked) => asked !== undefined);
  const tellPlaces = () => queue.waiting().forEach(({ tell }, i) => tell({ place: inWork().length + i }));
  const begin = () => {
    running = queue.take(together);
    if (running.length === 0) return;
    isIdle = false;
    running.forEach((asked) => asked!.tell({ begun: true }));
    tellPlaces();
    wake({ number: ++number, questions: running.map((asked) => asked!.question) });
  };
  const takeBack = (asked: Asked) => {
    const place = running.indexOf(asked);
    if (place >= 0) running[place] = undefined;
    if (place >= 0 && inWork().length === 0) onUnwanted(number);
    queue.remove(asked);
    tellPlaces();
  };
  return {
    ask(asker, question, tell) {
      const asked = { ...asker, kind: question.kind === "imagine" ? `imagine ${question.side}` : question.kind, question, tell };
      queue.add(asked);
      tellPlaces();
      if (isIdle) begin();
      return () => takeBack(asked);
    },
    next() {
      const { promise, resolve } = Promise.withResolvers<Batch>();
      [wake, isIdle] = [resolve, true];
      begin();
      return promise;
    },
    grow: (growth) => running.forEach((asked, i) => asked?.tell({ growth: growth[i]! })),
    answer(answers) {
      const told = running;
      running = [];
      told.forEach((asked, i) => asked?.tell({ answer: answers[i]! }));
    },
    load({ person, tree }) {
      const all = [...inWork(), ...queue.waiting()];
      const own = all.filter((asked) => asked.person === person);
      return { tree: all.filter((asked) => asked.tree === tree).length, own: own.length, all: all.length };
    },
  };
}
