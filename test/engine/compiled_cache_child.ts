/** A process that compiles one function, after another if it is told to, and prints the value's bits. Run by `compiled_cache_test.ts`. */
import { compile, openBackend, type Tensor, tf } from "../../lib/engine/mod.ts";

await openBackend("tensorflow");
const [before] = Deno.args;
if (before) compile((x: Tensor) => tf.sum(tf.square(x)), { xla: true })(tf.ones([Number(before)]) as Tensor).dispose();
const gelu = compile((x: Tensor) => tf.sum(tf.mul(tf.exp(x), tf.sigmoid(tf.mul(1.702, x)))) as Tensor, { xla: true });
const values = gelu(tf.linspace(-3, 3, 1000)).dataSync() as Float32Array;
console.log(new Uint32Array(values.buffer)[0]);
