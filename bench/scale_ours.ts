/** Our side of `bench scale`: one process of several; each line read asks for a step. */
import { createInterface } from "node:readline";
import process from "node:process";
import { joinCluster } from "../lib/engine/collectives.ts";
import { dispose, openBackend, type Tensor, tf } from "../lib/engine/mod.ts";
import { peakMemory } from "../lib/experiment/memory.ts";
import { workersOf } from "../lib/train/workers.ts";

const [rank, addresses, shapes] = [Number(Deno.args[0]), Deno.args[1]!.split(","), JSON.parse(Deno.args[2]!) as [number, number][]];
await openBackend("tensorflow", { threads: 1, gpu: rank });
const workers = addresses.length > 1 ? workersOf(await joinCluster({ rank, addresses }, { join: 60, loss: 60, hang: 600 })) : undefined;
let grads: Tensor[] = shapes.map((shape) => tf.fill(shape, 1 / addresses.length)); // sums stay what they are
const GROUP = 14; // gradients of a layer, which come together, as with recomputed blocks

for await (const line of createInterface({ input: process.stdin })) {
  const { compute, backward } = JSON.parse(line) as { compute: number; backward: number };
  await workers?.sumNumbers([0]); // all begin together
  const start = performance.now();
  wait(compute - backward);
  const sum = workers?.startSum(true);
  for (let i = 0; i < grads.length; i += GROUP) {
    wait(backward * GROUP / grads.length);
    grads.slice(i, i + GROUP).forEach((grad, k) => sum?.add(i + k, grad));
  }
  const summed = await sum?.end({ loss: 1, size: 1 });
  if (summed) {
    const value = summed.grads.at(-1)!.dataSync()[0]!;
    if (Math.abs(value - 1) > 1e-6) throw new Error(`Cannot be right: the sum is ${value}, not 1`);
    grads = summed.grads.map((grad) => tf.div(grad, addresses.length));
    dispose(summed.grads);
  }
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, memory: peakMemory() }));
}
Deno.exit(0);

/** Keeps JavaScript's thread, as a backward pass does: only what was begun before goes on. */
function wait(seconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);
}
