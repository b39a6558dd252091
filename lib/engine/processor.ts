/**
 * What the processor is: which way of doing a product suits it.
 *
 * @module
 */

let flags: ReadonlySet<string> | undefined;

/** Whether the processor has an instruction set, by the name that Linux has for it; elsewhere none is known. */
export function hasInstructions(name: string): boolean {
  return (flags ??= readFlags()).has(name);
}

function readFlags(): ReadonlySet<string> {
  try {
    const line = Deno.readTextFileSync("/proc/cpuinfo").match(/^(?:flags|Features)\s*: (.*)$/m);
    return new Set(line?.[1]!.split(" "));
  } catch {
    return new Set(); // another system, or no permission to read
  }
}
