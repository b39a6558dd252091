import { stepNumbers, stepNumbersOf } from "../../lib/experiment/training_step.ts";
import { assert, assertEquals, assertRejects, engine, UserError } from "../support.ts";

await engine();

Deno.test("stepNumbersOf() gives the step's numbers from a process of its own: here, where both are the CPU, the same ones", async () => {
  const here = await stepNumbers("data/tiny");
  assert(here.loss > 0 && here.norms.some((norm) => norm > 0), JSON.stringify(here));
  assertEquals(await stepNumbersOf("data/tiny", false), here);
  await assertRejects(() => stepNumbersOf("no/such/base", true), UserError, "Cannot train a step on the GPU");
});
