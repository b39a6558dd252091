import { heedingSignals } from "../../lib/train/stop.ts";
import { assertEquals, assertRejects } from "../support.ts";

Deno.test("heedingSignals() does its work to the end and tells of a signal that came meanwhile, though the event loop never turned", async () => {
  const work = () => {
    Deno.kill(Deno.pid, "SIGTERM");
    return Promise.resolve("done");
  };
  assertEquals(await heedingSignals(work), { done: "done", isAsked: true });
  assertEquals(await heedingSignals(() => Promise.resolve(2)), { done: 2, isAsked: false });
});

Deno.test("heedingSignals() leaves signals as they were, whatever its work ends with: the next one ends the process", async () => {
  await assertRejects(() => heedingSignals(() => Promise.reject(new Error("broken"))), Error, "broken");
  const script = `
    import { heedingSignals } from "${new URL("../../lib/train/stop.ts", import.meta.url)}";
    await heedingSignals(() => Promise.reject(new Error("broken"))).catch(() => {});
    Deno.kill(Deno.pid, "SIGTERM");
    setTimeout(() => Deno.exit(0), 5000);`;
  const { signal } = await new Deno.Command(Deno.execPath(), { args: ["eval", "--no-check", script], stderr: "null" }).output();
  assertEquals(signal, "SIGTERM");
});
