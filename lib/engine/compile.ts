/**
 * `compile(fn)`: a TensorFlow.js function becomes one TensorFlow function.
 *
 * @module
 */
import type { Binding, TracedFunction } from "./binding.ts";
import { shown } from "./element_types.ts";
import { withGradient } from "./gradients.ts";
import { activeBinding, inputIds, kernelBackend } from "./kernels.ts";
import { tidy } from "./scope.ts";
import { type Tensor, tf } from "./tf.ts";
import { form, leaves, withLeaves } from "./tree.ts";

/** How a function is compiled. */
export interface CompileOptions {
  /** Compile by XLA: one fused kernel for chains of element-wise maths. Without it, TensorFlow runs the graph. */
  readonly xla?: boolean;
}

interface Concrete {
  readonly traced: TracedFunction;
  readonly backward: (args: readonly Tensor[], dys: readonly Tensor[]) => (Tensor | undefined)[];
  readonly result: unknown; // the result's tree, with spent tensors at its leaves
}

const KERNEL = "WorldstrapCall";
const frozen = new WeakSet<object>(); // data ids of tensors that never get a gradient

/**
 * Marks tensors as constants of training: compiled functions leave out their gradients.
 *
 * @param tree the tensors to freeze
 * @returns the same tree
 *
 * @example Frozen weights stay where they are
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const { tf } = ws.engine;
 * const weights = ws.engine.freeze({ w: tf.ones([2, 2]) });
 * assertEquals(weights.w.shape, [2, 2]);
 * ```
 */
export function freeze<T>(tree: T): T {
  for (const tensor of leaves(tree)) frozen.add(tensor.dataId);
  return tree;
}

/**
 * Compiles a function of tensors. It is traced once for each form of its arguments (shapes, element types, constants
 * between them); captured tensors become constants or hidden inputs. The compiled function has gradients: backward it
 * recomputes its inside from its arguments, which is all that it keeps. Compiled for XLA and called inside another
 * compiled function, it stays one fused call there.
 *
 * On a backend without graphs this is `fn` itself, in a scope of its own.
 *
 * @param fn takes and returns trees of tensors, and reads no tensor's values
 * @param options whether XLA compiles it
 * @returns the compiled function
 * @throws TypeError when the function reads values while it is traced
 *
 * @example A fused activation
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * await ws.openBackend();
 * const swish = ws.engine.compile((x: ws.Tensor) => ws.engine.tf.mul(x, ws.engine.tf.sigmoid(x)), { xla: true });
 * assertEquals(swish(ws.engine.tf.tensor1d([0])).arraySync(), [0]);
 * ```
 */
export function compile<A extends unknown[], R>(fn: (...args: A) => R, options: CompileOptions = {}): (...args: A) => R {
  const xla = options.xla ?? false;
  const concreteOf = tracedOnce(fn, xla);
  return (...args: A): R => {
    const binding = activeBinding();
    if (!binding) return tidy(() => fn(...args));
    if ((!xla && binding.isTracing()) || tracingForXla) return fn(...args);
    const concrete = concreteOf(binding, args);
    return withLeaves(concrete.result, call(concrete, leaves(args))) as R;
  };
}

/**
 * Compiles a function some of whose arguments are large and soon made: they are made for each call, forward and backward, and dropped
 * after it, so that not even the gradient's tape keeps them. libtensorflow alone has it.
 *
 * @param fn takes what is made first, which gets no gradients, then trees of tensors; gives one tensor
 * @returns the compiled function; instead of what is made it takes the function that makes it
 */
export function compileRemaking<M, A extends unknown[]>(fn: (made: M, ...args: A) => Tensor): (make: () => M, ...args: A) => Tensor {
  const concreteOf = tracedOnce(fn, false);
  return (make, ...args) => {
    const tensors = leaves(args);
    const wanted = tensors.flatMap((tensor, i) => tensor.dtype === "float32" && !isFrozen(tensor) ? [i] : []);
    const called = (args: A) => {
      const whole: [M, ...A] = [freeze(make()), ...args];
      return { concrete: concreteOf(kernelBackend().binding, whole), inputs: leaves(whole) };
    };
    return withGradient(wanted.map((i) => tensors[i]!), (save) => {
      save(tensors);
      const { concrete, inputs } = called(args);
      return call(concrete, inputs)[0]!;
    }, (dy, saved) =>
      tidy(() => {
        const { concrete, inputs } = called(withLeaves(args, saved));
        const grads = gradientsOf(concrete, inputs, [dy]).slice(inputs.length - saved.length);
        return wanted.map((i) => grads[i]!);
      }));
  };
}

/** Traces a function once for each form of its arguments. */
function tracedOnce<A extends unknown[], R>(fn: (...args: A) => R, xla: boolean): (binding: Binding, args: A) => Concrete {
  const cache = new Map<string, Concrete>();
  return (binding, args) => {
    const ids = inputIds(leaves(args));
    let next = 0;
    const key = form(args, (t) => `${t.shape}:${binding.elementType(ids[next++]!)}${frozen.has(t.dataId) ? "!" : ""}`);
    let concrete = cache.get(key);
    if (!concrete) cache.set(key, concrete = trace(binding, fn, args, xla));
    return concrete;
  };
}

/** Whether the tensor was marked by {@linkcode freeze}. */
export function isFrozen(tensor: Tensor): boolean {
  return frozen.has(tensor.dataId);
}

let tracingForXla = false; // inside XLA everything is fused already: inner calls are written out

/** Runs a compiled function as a TensorFlow.js kernel, so that scopes and the gradient tape see it. */
function call(concrete: Concrete, tensors: readonly Tensor[]): Tensor[] {
  const outputs = tf.engine().runKernel(
    KERNEL,
    tensors as never, // an array: TensorFlow.js saves all of them for the gradient
    { concrete } as never,
  ) as unknown as Tensor[] | Tensor;
  return Array.isArray(outputs) ? outputs : [outputs];
}

/** The function that a call names among its attributes, which TensorFlow.js passes on as they are. */
function concreteOf(attrs: unknown): Concrete {
  return (attrs as { concrete: Concrete }).concrete;
}

/** Registers the kernel and gradient that compiled functions run by. */
export function registerCompiledCalls(): void {
  tf.registerKernel({
    kernelName: KERNEL,
    backendName: "tensorflow",
    kernelFunc: ({ inputs, attrs }) => {
      const { traced } = concreteOf(attrs);
      const ids = inputIds(Object.values(inputs) as Tensor[]);
      const { binding } = kernelBackend();
      return binding.call(traced, ids).map((metadata) => kernelBackend().createOutputTensor(metadata));
    },
  });
  tf.registerGradient({
    kernelName: KERNEL,
    saveAllInputs: true,
    gradFunc: (dy, saved, attrs) => {
      const grads = gradientsOf(concreteOf(attrs), saved, Array.isArray(dy) ? dy : [dy]); // at once, in the scope of the whole backward pass
      return Object.fromEntries(saved.map((_, i) => [i, () => grads[i]!]));
    },
  });
}

function gradientsOf({ traced, backward }: Concrete, args: readonly Tensor[], dys: readonly Tensor[]): (Tensor | undefined)[] {
  return backward(args, dys.map((dy, i) => castTo(dy, traced.fn.results[i]!.dtype)));
}

/** Traces `fn` for arguments of the form of `args`. */
function trace<A extends unknown[], R>(binding: Binding, fn: (...args: A) => R, args: A, xla: boolean): Concrete {
  const tensors = leaves(args);
  const isFrozenArg = tensors.map(isFrozen);
  let result: unknown;
  const traced = traceTensors(binding, tensors, isFrozenArg, xla, (symbols) => {
    const returned = fn(...withLeaves(args, symbols));
    result = returned;
    return leaves(returned);
  });
  const flat = (symbols: readonly Tensor[]) => leaves(fn(...withLeaves(args, symbols)));
  return { traced, result, backward: backwardOf(binding, flat, isFrozenArg, xla) };
}

/** The vector-Jacobian product of `fn`, compiled on first use. Frozen arguments get none. */
function backwardOf(
  binding: Binding,
  fn: (args: readonly Tensor[]) => Tensor[],
  isFrozenArg: readonly boolean[],
  xla: boolean,
): Concrete["backward"] {
  let traced: TracedFunction | undefined;
  return (args, dys) => {
    const wrt = args.map((t, i) => t.dtype === "float32" && !isFrozenArg[i]);
    const body = ([...symbols]: Tensor[]) => {
      const xs = symbols.slice(0, args.length);
      const grads = pullback(fn, xs, symbols.slice(args.length), wrt);
      const types = inputIds(xs.filter((_, j) => wrt[j])).map((id) => binding.elementType(id));
      return grads.map((grad, i) => castTo(grad, types[i]!));
    };
    const inputs = [...args, ...dys];
    traced ??= traceTensors(binding, inputs, [...isFrozenArg, ...dys.map(() => true)], xla, body);
    const concrete = { traced, backward: secondOrder, result: undefined };
    const grads = call(concrete, inputs);
    let next = 0;
    return args.map((_, i) => wrt[i] ? grads[next++] : undefined);
  };
}

function secondOrder(): never {
  throw new TypeError("Cannot differentiate the gradient of a compiled function: second derivatives are not supported");
}

function pullback(
  fn: (args: readonly Tensor[]) => Tensor[],
  args: readonly Tensor[],
  dys: readonly Tensor[],
  wrt: readonly boolean[],
): Tensor[] {
  const xs = args.filter((_, i) => wrt[i]);
  const product = () => {
    const terms = fn(args).flatMap((y, i) => y.dtype === "float32" ? [tf.sum(tf.mul(y, dys[i]!))] : []);
    return tf.addN(terms);
  };
  const { grads } = tf.engine().gradients(product, xs, undefined, true);
  return xs.map((x, i) => grads[i] ?? tf.zeros(x.shape));
}

/** Traces a function of a list of tensors. */
export function traceTensors(
  binding: Binding,
  tensors: readonly Tensor[],
  isFrozenArg: readonly boolean[],
  xla: boolean,
  body: (symbols: Tensor[]) => Tensor[],
): TracedFunction {
  const ids = inputIds(tensors);
  const args = tensors.map(({ shape }, i) => ({ dtype: binding.elementType(ids[i]!), shape }));
  return isolated(xla, () =>
    binding.trace(args, (symbolIds) => {
      const symbols = symbolIds.map((id, i) => {
        const symbol = kernelBackend().createOutputTensor({ id, shape: [...args[i]!.shape], dtype: shown(args[i]!.dtype) });
        if (isFrozenArg[i]) frozen.add(symbol.dataId);
        return symbol;
      });
      return inputIds(body(symbols));
    }, xla));
}

/** Runs `fn` in a tensor scope of its own, with the gradient tape of whoever called put aside. */
function isolated<T>(xla: boolean, fn: () => T): T {
  const { state } = tf.engine();
  const { gradientDepth, kernelDepth, activeTape } = state;
  const outer = tracingForXla;
  Object.assign(state, { gradientDepth: 0, kernelDepth: 0, activeTape: undefined });
  tracingForXla = outer || xla;
  tf.engine().startScope();
  try {
    return fn();
  } finally {
    tf.engine().endScope();
    tracingForXla = outer;
    Object.assign(state, { gradientDepth, kernelDepth, activeTape });
  }
}

/** Gives a tensor an element type: gradients have that of what they belong to. */
function castTo(x: Tensor, dtype: number): Tensor {
  const backend = kernelBackend();
  const [id] = inputIds([x]) as [number];
  return backend.binding.elementType(id) === dtype ? x : backend.createOutputTensor(backend.binding.cast(id, dtype));
}
