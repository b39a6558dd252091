import { sumTogether } from "../../lib/experiment/sum_together.ts";
import { assert, denoFolder } from "../support.ts";

Deno.test("sumTogether() adds up what processes on this machine hold, and says which of them failed and why", async () => {
  const sum = await sumTogether(3);
  assert("right" in sum && sum.right && sum.seconds > 0, JSON.stringify(sum));
  const before = ["DENO_DIR", "XDG_CACHE_HOME"].map((name) => [name, Deno.env.get(name)] as const);
  Deno.env.set("DENO_DIR", denoFolder());
  Deno.env.set("XDG_CACHE_HOME", "/nowhere"); // TensorFlow is not there
  try {
    const failed = await sumTogether(2);
    assert("failed" in failed && /^process 0 of 2: .*deno task setup/.test(failed.failed), JSON.stringify(failed));
  } finally {
    for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  }
});
