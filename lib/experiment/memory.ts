/**
 * What this process and this machine have of memory.
 *
 * @module
 */

/** The most memory this process has held, in bytes. */
export function peakMemory(): number {
  try {
    const match = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"));
    if (match) return Number(match[1]) * 1024;
  } catch { /* not Linux */ }
  return Deno.memoryUsage().rss;
}

/** Memory that this machine has free for us, in bytes. */
export function freeMemory(): number {
  return Deno.systemMemoryInfo().available;
}
