/**
 * Stopping between two steps, when a user or a scheduler asks for it.
 *
 * @module
 */

const SIGNALS = ["SIGINT", "SIGTERM"] as const; // Ctrl-C; what schedulers send some time before they kill

/**
 * Does some work to its end even when the process is asked to end meanwhile, and tells whether it was. A signal before or after it ends
 * the process as ever.
 *
 * @param work what is done
 * @returns what it gave, and whether somebody asked
 *
 * @example Nobody asked
 * ```ts
 * import { heedingSignals } from "./stop.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await heedingSignals(() => Promise.resolve(1)), { done: 1, isAsked: false });
 * ```
 */
export async function heedingSignals<T>(work: () => Promise<T>): Promise<{ done: T; isAsked: boolean }> {
  let isAsked = false;
  const onSignal = () => {
    isAsked = true;
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, onSignal);
  try {
    const done = await work();
    await new Promise((resolve) => setTimeout(resolve, 0)); // signals are heard when the event loop turns, which work may not let it do
    return { done, isAsked };
  } finally {
    for (const signal of SIGNALS) Deno.removeSignalListener(signal, onSignal);
  }
}
