/**
 * What this process and this machine have of memory.
 *
 * @module
 */

import { processStatus } from "../engine/processor.ts";

/** The most memory this process has held, in bytes; what it holds now where nobody counts. */
export function peakMemory(): number {
  const match = /VmHWM:\s+(\d+) kB/.exec(processStatus());
  return match ? Number(match[1]) * 1024 : Deno.memoryUsage().rss;
}

/** Memory that this machine has free for us, in bytes. */
export function freeMemory(): number {
  return Deno.systemMemoryInfo().available;
}
