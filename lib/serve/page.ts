/**
 * The live page as the models' thread sees it: the next questions, how far they are, their answers. Requests are answered by a thread of its
 * own, for a model that computes blocks the one that it runs on.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { Batch } from "./desk.ts";
import type { Makers } from "./pictures.ts";
import type { Answer, Growth } from "./questions.ts";
import type { ExampleSource } from "./server.ts";

/** What the page's thread is told at its start. */
export interface PageSettings {
  /** The run's folder. */
  readonly folder: string;
  /** The links' secrets. */
  readonly tokens: readonly string[];
  /** Where it listens. */
  readonly hostname: string;
  /** On which port; 0: any that is free. */
  readonly port: number;
  /** Pixels of a picture's side, as the model sees it. */
  readonly side: number;
  /** Tokens of its side. */
  readonly rows: number;
  /** Candidates of a question. */
  readonly candidates: number;
  /** Questions that are answered together at most. */
  readonly together: number;
  /** Whether there is a second world model. */
  readonly compares: boolean;
  /** Pictures to begin with. */
  readonly examples: readonly ExampleSource[];
  /** Who draws. */
  readonly makers: Makers;
}

/** What goes to the thread. */
export type ToPage =
  | { readonly open: PageSettings; readonly unwanted: SharedArrayBuffer }
  | { readonly next: true }
  | { readonly growth: readonly Growth[] }
  | { readonly answers: readonly Answer[] };

/** What comes from it. */
export type FromPage = { readonly port: number } | { readonly refused: string } | { readonly batch: Batch };

/** A page that is served. */
export interface LivePage {
  /** The port. */
  readonly port: number;
  /** The next questions, all of one kind, once there are some. */
  next(): Promise<Batch>;
  /** Shows how far they are. */
  grow(growth: readonly Growth[]): void;
  /** Whether everybody has taken a batch's questions back; it may be asked while the models compute. */
  isUnwanted(batch: number): boolean;
  /** Answers them. */
  answer(answers: readonly Answer[]): void;
  /** Ends the server, connections too. */
  close(): void;
}

/**
 * Serves the page.
 *
 * @param settings of the page
 * @returns the page; close it
 * @throws UserError when the address cannot be had
 */
export async function openPage(settings: PageSettings): Promise<LivePage> {
  const thread = new Worker(new URL("./thread.ts", import.meta.url).href, { type: "module" });
  const unwanted = new SharedArrayBuffer(4); // the number of the last batch that nobody wants: read in the middle of a drawing
  let heard = Promise.withResolvers<FromPage>();
  thread.onmessage = ({ data }: MessageEvent<FromPage>) => heard.resolve(data);
  thread.onerror = (event) => {
    event.preventDefault();
    heard.reject(new Error(`The page's thread ended: ${event.message}`));
  };
  const send = (message: ToPage) => thread.postMessage(message);
  send({ open: settings, unwanted });
  const opened = await heard.promise;
  if (!("port" in opened)) {
    thread.terminate();
    throw new UserError("refused" in opened ? opened.refused : "Cannot serve the page");
  }
  return {
    port: opened.port,
    async next() {
      heard = Promise.withResolvers();
      send({ next: true });
      const found = await heard.promise;
      if ("batch" in found) return found.batch;
      throw new Error("The page's thread gave no batch");
    },
    grow: (growth) => send({ growth }),
    isUnwanted: (batch) => Atomics.load(new Int32Array(unwanted), 0) === batch,
    answer: (answers) => send({ answers }),
    close: () => thread.terminate(),
  };
}
