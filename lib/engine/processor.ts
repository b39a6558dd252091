/**
 * What Linux says of the processor, of the machine's start, of processes and of this one's memory: which way of doing a product suits it,
 * which compiled functions are for it, who is still at work.
 *
 * @module
 */
import { cstring, LIBC } from "./capi.ts";

let flags: ReadonlySet<string> | undefined;

/** Whether the processor has an instruction set, by the name that Linux has for it; elsewhere none is known. */
export function hasInstructions(name: string): boolean {
  flags ??= new Set(processorText().match(/^(?:flags|Features)\s*: (.*)$/m)?.[1]?.split(" "));
  return flags.has(name);
}

/** What Linux says of the first core; elsewhere nothing. */
export function processorText(): string {
  return Deno.build.os === "linux" ? readProc("/proc/cpuinfo").split("\n\n")[0]! : "";
}

/** When a process began, as Linux counts it; undefined when it is not there or has ended, and on other systems. */
export function startOf(pid: number): string | undefined {
  const text = Deno.build.os === "linux" ? readProc(`/proc/${pid}/stat`) : "";
  const [state, ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" "); // behind its name, which may hold anything
  return !state || "ZX".includes(state) ? undefined : fields[18]; // one that has ended may wait for its parent to ask how
}

/** What Linux says of this process, as `VmHWM`, the most memory that it has held; elsewhere nothing. */
export function processStatus(): string {
  return Deno.build.os === "linux" ? readProc("/proc/self/status") : "";
}

/** A name that the machine has had since it was started, and will not have again; nothing where the system has none. */
export function bootText(): string {
  return Deno.build.os === "linux" ? readProc("/proc/sys/kernel/random/boot_id").trim() : "";
}

/** A file of the kernel's, by the C library, which the engine may call: Deno gives `/proc` to nobody who may not do everything. */
function readProc(path: string): string {
  const libc = Deno.dlopen(LIBC, {
    open: { parameters: ["buffer", "i32"], result: "i32" },
    read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });
  const file = libc.symbols.open(cstring(path), 0);
  const bytes = new Uint8Array(2 ** 16);
  const count = file < 0 ? 0 : Number(libc.symbols.read(file, bytes, BigInt(bytes.length)));
  if (file >= 0) libc.symbols.close(file);
  libc.close();
  return new TextDecoder().decode(bytes.subarray(0, Math.max(0, count)));
}
