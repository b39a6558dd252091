import { hasInstructions, processorText } from "../../lib/engine/processor.ts";
import { assert, assertEquals } from "../support.ts";

const linux = { ignore: Deno.build.os !== "linux" };

Deno.test(
  "processorText() is what the kernel says of the first core, which Deno itself gives to those alone who may do everything",
  linux,
  () => {
    assertEquals(processorText(), Deno.readTextFileSync("/proc/cpuinfo").split("\n\n")[0]);
  },
);

Deno.test("hasInstructions() knows the instruction sets by Linux' names", linux, () => {
  const named = processorText().match(/^(?:flags|Features)\s*: (.*)$/m)![1]!.split(" ");
  assert(named.every(hasInstructions));
  assert(!hasInstructions("no_such_set") && !hasInstructions(""));
});
