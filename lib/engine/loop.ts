/**
 * Loops inside compiled functions: no value comes back to JavaScript between two rounds.
 *
 * @module
 */
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { traceTensors } from "./compile.ts";
import { dispose, tidy } from "./scope.ts";
import { type Tensor, tf } from "./tf.ts";
import { leaves, withLeaves } from "./tree.ts";

/** What a loop does. `constants` stay as they are from round to round. */
export interface Loop<S, C> {
  /** Whether there is another round: a scalar, bool. */
  readonly test: (state: S, constants: C) => Tensor;
  /** One round: the next state, of the same shapes and element types. */
  readonly step: (state: S, constants: C) => S;
}

interface LoopCall {
  readonly loop: Loop<unknown, unknown>;
  readonly state: unknown;
  readonly constants: unknown;
}

const KERNEL = "WorldstrapLoop"; // has no gradient: asking for one is an error

/**
 * Repeats a step for as long as a test holds. Inside a function that XLA compiles it is one loop of the graph; elsewhere, and
 * on a backend without graphs, it is JavaScript's.
 *
 * @param loop test and step; what they read beside small constants is in `state` and `constants`
 * @param state the state to begin with, a tree of tensors
 * @param constants what does not change, a tree of tensors
 * @returns the last state, in new tensors
 * @throws TypeError when a step changes a shape or an element type, or reads a tensor that it was not given
 *
 * @example Doubled until it is above 100
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * await ws.openBackend();
 * const { compile, tf, whileLoop } = ws.engine;
 * const test = (x: ws.Tensor, limit: ws.Tensor) => tf.less(x, limit);
 * const grow = compile((x: ws.Tensor) => whileLoop({ test, step: (x) => tf.mul(x, 2) }, x, tf.scalar(100)), { xla: true });
 * assertEquals(grow(tf.scalar(3)).arraySync(), 192);
 * ```
 */
export function whileLoop<S, C>(loop: Loop<S, C>, state: S, constants: C): S {
  if (!activeBinding()?.isTracing()) return repeat(loop, state, constants);
  const call = { loop, state, constants } as unknown as LoopCall;
  const outputs = tf.engine().runKernel(KERNEL, leaves([state, constants]) as never, { call } as never) as unknown as Tensor | Tensor[];
  return withLeaves(state, Array.isArray(outputs) ? outputs : [outputs]);
}

/**
 * Whether loops run inside compiled functions here: with libtensorflow they do, on wasm they are JavaScript's.
 *
 * @returns yes or no
 *
 * @example As the backend is
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.engine.hasLoops(), (await ws.openBackend()).name === "tensorflow");
 * ```
 */
export function hasLoops(): boolean {
  return activeBinding() !== undefined;
}

/** Registers the kernel of loops in graphs. */
export function registerLoops(): void {
  tf.registerKernel({
    kernelName: KERNEL,
    backendName: "tensorflow",
    kernelFunc: ({ inputs, attrs }) => loopInGraph((attrs as unknown as { call: LoopCall }).call, Object.values(inputs) as Tensor[]),
  });
}

function repeat<S, C>({ test, step }: Loop<S, C>, initial: S, constants: C): S {
  let state = tidy(() => withLeaves(initial, leaves(initial).map((tensor) => tf.clone(tensor))));
  while (tidy(() => test(state, constants).dataSync()[0])) {
    const next = tidy(() => step(state, constants));
    const kept = new Set(leaves(next));
    dispose(leaves(state).filter((tensor) => !kept.has(tensor)));
    state = next;
  }
  return state;
}

/** Traces test and step as functions of the state and the constants, which the graph carries along unchanged. */
function loopInGraph({ loop, state, constants }: LoopCall, tensors: readonly Tensor[]): Tensor[] {
  const { binding, createOutputTensor } = withBackend();
  const count = leaves(state).length;
  const trees = (symbols: readonly Tensor[]) => [withLeaves(state, symbols), withLeaves(constants, symbols.slice(count))] as const;
  const trace = (body: (symbols: Tensor[]) => Tensor[]) => traceTensors(binding, tensors, tensors.map(() => true), true, body);
  const test = trace((symbols) => [loop.test(...trees(symbols))]);
  const body = trace((symbols) => [...leaves(loop.step(...trees(symbols))), ...symbols.slice(count)]);
  if (test.captured.length + body.captured.length > 0) {
    throw new TypeError("Cannot read a tensor inside a loop that it was not given: pass it in among the constants");
  }
  const ids = inputIds(tensors);
  ids.forEach((id, i) => checkResult(`${binding.elementType(id)} of [${tensors[i]!.shape}]`, body.fn.results[i]));
  return binding.whileLoop(test, body, ids).slice(0, count).map(createOutputTensor);
}

function checkResult(wanted: string, result: { readonly dtype: number; readonly shape: number[] } | undefined): void {
  const found = result ? `${result.dtype} of [${result.shape}]` : "nothing";
  if (found !== wanted) throw new TypeError(`Cannot loop as a step changes its state's form: element type ${wanted} became ${found}`);
}

function withBackend() {
  const backend = kernelBackend();
  return { binding: backend.binding, createOutputTensor: backend.createOutputTensor.bind(backend) };
}
