/**
 * The machine that a bench runs on, and how busy others keep it.
 *
 * @module
 */
import { hasInstructions, processorText } from "../lib/engine/processor.ts";

/** A CPU. */
export interface Machine {
  /** What the system calls it. */
  readonly cpu: string;
  /** Cores that a process may use. */
  readonly cores: number;
  /** Those of its instruction sets that decide how fast matrix products are. */
  readonly instructions: readonly string[];
}

const INSTRUCTIONS = ["avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16"];

/** The machine; where the system has no `/proc`, its CPU is unknown. */
export function machine(): Machine {
  return {
    cpu: processorText().match(/^model name\s*: (.*)$/m)?.[1] || "unknown",
    cores: navigator.hardwareConcurrency,
    instructions: INSTRUCTIONS.filter(hasInstructions),
  };
}

/** The machine in a line. */
export function machineText({ cpu, cores, instructions }: Machine): string {
  return `${cpu}, ${cores} cores, ${instructions.join(" ") || "instruction sets unknown"}, load ${loadText()}`;
}

/** Processes that ran or waited, on average over the last minute. */
export function loadText(): string {
  return Deno.loadavg()[0]!.toFixed(2);
}

/** Tells the share of the machine that others took since the meter was started, 0 … 1. */
export type Meter = () => number;

/** Starts a meter: `own` are the processes whose time does not count as others'. */
export function meter(own: readonly number[]): Meter {
  const before = { cpu: cpuTimes(), own: ticksOf(own) };
  return () => {
    const after = cpuTimes();
    if (!before.cpu || !after) return Math.min(1, Deno.loadavg()[0]! / navigator.hardwareConcurrency);
    const all = Math.max(1, after.all - before.cpu.all);
    const busy = all - (after.idle - before.cpu.idle) - (ticksOf(own) - before.own);
    return Math.min(1, Math.max(0, busy / all));
  };
}

/** Processor time of processes and of this one, in the system's ticks, as `/proc/stat` counts them. */
function ticksOf(pids: readonly number[]): number {
  return [Deno.pid, ...pids].reduce((sum, pid) => sum + (ticksOfOne(pid) || 0), 0);
}

/** Seconds of the processor that a process took, by Linux's count; NaN elsewhere, and of a process that has ended. */
export function cpuSeconds(pid: number): number {
  return ticksOfOne(pid) / 100;
}

function ticksOfOne(pid: number): number {
  const fields = readText(`/proc/${pid}/stat`).split(") ")[1]?.split(" ").map(Number);
  return fields ? fields[11]! + fields[12]! : NaN; // utime and stime
}

/** The share of the machine that others take, 0 … 1, over half a second in which the bench itself rests. */
export async function othersShare(): Promise<number> {
  const before = cpuTimes();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const after = cpuTimes();
  if (!before || !after) return Math.min(1, Deno.loadavg()[0]! / navigator.hardwareConcurrency);
  return 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);
}

function cpuTimes(): { idle: number; all: number } | undefined {
  const numbers = readText("/proc/stat").match(/^cpu +(.*)$/m)?.[1]?.split(" ").map(Number);
  return numbers && { idle: numbers[3]! + numbers[4]!, all: numbers.slice(0, 8).reduce((a, b) => a + b, 0) };
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
