/** A worker of collectives_test.ts: `RANK ADDRESSES JOIN LOSS WHAT`. Prints a line of JSON for all that it found. */
import { joinCluster } from "../../lib/engine/collectives.ts";
import { compile, openBackend, type Precision, precisionOf, type Tensor, tf, toPrecision, valuesOf } from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";

const [rank, addresses, join, loss, what] = Deno.args as [string, string, string, string, string];
await openBackend("tensorflow", { threads: 1, gpu: Number(rank) });
const double = compile((x: Tensor) => tf.add(x, x), { xla: true });
try {
  const { sum, gather, leave } = await joinCluster({ rank: Number(rank), addresses: addresses.split(",") }, {
    join: Number(join),
    loss: Number(loss),
    hang: what.startsWith("gather") ? 3 : 60,
  });
  const [real, whole] = await Promise.all([
    sum(double(tf.fill([1000], Number(rank) + 0.25))),
    sum(tf.tensor1d([Number(rank), 1], "int32")),
  ]);
  console.log(JSON.stringify({ real: valuesOf(real)[999], whole: [...valuesOf(whole)] }));
  const gathered = (precision: Precision, size: number) => {
    const whole = gather(toPrecision(tf.fill([size], Number(rank) + 0.25), precision));
    return { shape: whole.shape, precision: precisionOf(whole), values: [...new Set(valuesOf(whole))] };
  };
  for (let i = 0; what.startsWith("gather"); i++) {
    if (i < 40) gathered("float32", 6); // more of them than they have numbers
    if (i === 40) console.log(JSON.stringify({ real: gathered("float32", 3), half: gathered("bfloat16", 4096) }));
    if (i > 40 && what === "gather") gathered("bfloat16", 64);
    while (i > 60 && what === "gather, hang"); // in JavaScript alone: TensorFlow's heartbeats go on
  }
  while (what === "again") {
    (await sum(tf.ones([2]))).dispose();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await leave();
} catch (error) {
  console.log(JSON.stringify({ error: (error as Error).message, kind: error instanceof UserError }));
  Deno.exit(1);
}
Deno.exit(0);
