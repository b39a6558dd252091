/**
 * Building TensorFlow graphs, one operation at a time, and turning them into functions that the eager context can call.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { UserError } from "../errors.ts";
import { type CApi, cstring, DType } from "./capi.ts";

/** An attribute of an operation in the form TensorFlow.js's kernels give it. */
export interface OpAttr {
  /** The attribute's name, such as "T". */
  readonly name: string;
  /** Its kind, one of {@linkcode AttrKind}. */
  readonly type: number;
  /** Its value. */
  readonly value: unknown;
}

/** The kinds of attributes (tfjs-node's numbering, equal to `TF_AttrType`). */
export const AttrKind = { STRING: 0, INT: 1, FLOAT: 2, BOOL: 3, TYPE: 4, SHAPE: 5 } as const;

/** What a graph's operation gives out: a symbol whose value is not known yet. */
export interface Symbolic {
  /** The `TF_Output` struct. */
  readonly output: Uint8Array<ArrayBuffer>;
  /** Which operation gives it out, by its number in the graph, and which of its outputs it is. */
  readonly place: string;
  /** Element type, by TensorFlow's number. */
  readonly dtype: number;
  /** Shape, fully known. */
  readonly shape: number[];
}

/** A finished function, known to the eager context by its name. */
export interface GraphFunction {
  /** The name under which it is called. */
  readonly name: string;
  /** The `TF_Function`. */
  readonly pointer: Deno.PointerValue;
  /** Element types and shapes of what it returns. */
  readonly results: readonly { readonly dtype: number; readonly shape: number[] }[];
  /** How many operations it holds. */
  readonly operations: number;
  /** Whether a call is compiled by XLA. */
  readonly xla: boolean;
}

/** Operations whose inputs are a list followed by this many single ones. A graph, unlike eager calls, must be told. */
const LIST_INPUTS: Readonly<Record<string, number>> = { ConcatV2: 1, Pack: 0, AddN: 0, Einsum: 0 };

let strings = 0; // constants whose bytes are addresses, and so say nothing

/** A graph under construction. */
export class Trace {
  readonly #api: CApi;
  readonly #graph: Deno.PointerValue;
  readonly #known = new Set<string>();
  readonly #written: string[] = []; // the graph in words
  #operations = 0;

  /** Starts an empty graph. */
  constructor(api: CApi) {
    this.#api = api;
    this.#graph = api.c.TF_NewGraph();
  }

  /** Adds an input of the function to be. */
  placeholder(dtype: number, shape: readonly number[]): Symbolic {
    return this.operation(
      "Placeholder",
      [
        { name: "dtype", type: AttrKind.TYPE, value: dtype },
        { name: "shape", type: AttrKind.SHAPE, value: shape },
      ],
      [],
      1,
    )[0]!;
  }

  /** Adds a constant with the value of a `TF_Tensor`. */
  constant(tensor: Deno.PointerValue): Symbolic {
    const { c, status, check } = this.#api;
    const description = this.#begin("Const", [], this.#contentOf(tensor));
    c.TF_SetAttrType(description, cstring("dtype"), c.TF_TensorType(tensor));
    c.TF_SetAttrTensor(description, cstring("value"), tensor, status);
    check("setting a constant");
    return this.#finish(description, "Const", 1)[0]!;
  }

  /** Adds an operation and infers the shapes of its outputs. */
  operation(name: string, attrs: readonly OpAttr[], inputs: readonly Symbolic[], outputs: number): Symbolic[] {
    const { c } = this.#api;
    const description = this.#begin(name, inputs, ...attrs.map(({ name, type, value }) => `${name} ${type} ${value}`));
    const singles = LIST_INPUTS[name];
    const listed = singles === undefined ? 0 : inputs.length - singles;
    if (singles !== undefined) c.TF_AddInputList(description, pack(inputs.slice(0, listed)), listed);
    for (const { output } of inputs.slice(listed)) c.TF_AddInput(description, output);
    for (const attr of attrs) {
      if (singles === undefined || attr.name !== "N") this.#setAttr(description, attr); // N follows from the list
    }
    return this.#finish(description, name, outputs);
  }

  /** Adds a call of a finished function. */
  call(fn: GraphFunction, inputs: readonly Symbolic[]): Symbolic[] {
    const { c, status, check } = this.#api;
    if (!this.#known.has(fn.name)) {
      c.TF_GraphCopyFunction(this.#graph, fn.pointer, null, status);
      check("copying a function");
      this.#known.add(fn.name);
    }
    const description = this.#begin(fn.name, inputs, `${fn.xla}`);
    for (const { output } of inputs) c.TF_AddInput(description, output);
    if (fn.xla) c.TF_SetAttrBool(description, cstring("_XlaMustCompile"), 1);
    const operation = c.TF_FinishOperation(description, status);
    check(`calling ${fn.name}`);
    return this.#shaped(operation, fn.results, fn.name);
  }

  /** Adds a loop: `body` maps the state to the next one for as long as `test` gives true. Both take the whole state. */
  whileLoop(test: GraphFunction, body: GraphFunction, state: readonly Symbolic[]): Symbolic[] {
    const { c, status, check } = this.#api;
    const description = this.#begin("StatelessWhile", state, test.name, body.name);
    c.TF_AddInputList(description, pack(state), state.length);
    c.TF_SetAttrTypeList(description, cstring("T"), Int32Array.from(state, ({ dtype }) => dtype), state.length);
    for (const [role, { name }] of [["cond", test], ["body", body]] as const) {
      c.TF_SetAttrFuncName(description, cstring(role), cstring(name), BigInt(name.length));
    }
    const operation = c.TF_FinishOperation(description, status);
    check("adding a loop");
    return this.#shaped(operation, state, "a loop");
  }

  /**
   * Turns the graph into a function of `inputs` and adds it to the eager context. The graph itself is freed. The function is named by
   * what it does, so that XLA finds what an earlier process compiled of it, whatever else the two have traced.
   */
  finish(inputs: readonly Symbolic[], results: readonly Symbolic[], xla: boolean): GraphFunction {
    const { c, status, context, check } = this.#api;
    const outputs = results.map((result) =>
      this.operation("Identity", [{ name: "T", type: AttrKind.TYPE, value: result.dtype }], [result], 1)[0]!
    ); // a function may return an input, or one value twice: each result gets an operation of its own
    const ends = [inputs, outputs].map((symbols) => symbols.map(({ place }) => place).join(" "));
    const name = `worldstrap_${createHash("sha256").update([...this.#written, ...ends].join("\n")).digest("hex").slice(0, 32)}`;
    const pointer = c.TF_GraphToFunction(
      this.#graph,
      cstring(name),
      0,
      -1,
      null,
      inputs.length,
      pack(inputs),
      outputs.length,
      pack(outputs),
      null,
      null,
      null,
      status,
    );
    check("making a function of a graph");
    c.TFE_ContextAddFunction(context, pointer, status);
    check("adding a function");
    this.dispose();
    return { name, pointer, results, operations: this.#operations, xla };
  }

  /** Frees the graph. */
  dispose(): void {
    this.#api.c.TF_DeleteGraph(this.#graph);
  }

  #begin(name: string, inputs: readonly Symbolic[], ...more: readonly string[]): Deno.PointerValue {
    this.#written.push([name, ...inputs.map(({ place }) => place), ...more].join("|"));
    const unique = new TextEncoder().encode(`n${this.#operations++}\0`);
    return this.#api.c.TF_NewOperation(this.#graph, cstring(name), unique);
  }

  #finish(description: Deno.PointerValue, name: string, outputs: number): Symbolic[] {
    const operation = this.#api.c.TF_FinishOperation(description, this.#api.status);
    this.#api.check(`adding ${name} to a graph`);
    return Array.from({ length: outputs }, (_, i) => {
      const output = outputStruct(operation, i);
      return { output, place: this.#place(i), dtype: this.#api.c.TF_OperationOutputType(output), shape: this.#shape(output, name) };
    });
  }

  /** An output of the operation that was added last. */
  #place(output: number): string {
    return `${this.#operations - 1}:${output}`;
  }

  /** What a constant holds, in words. */
  #contentOf(tensor: Deno.PointerValue): string {
    const { c } = this.#api;
    const [dtype, size] = [c.TF_TensorType(tensor), Number(c.TF_TensorByteSize(tensor))];
    if (dtype === DType.STRING) return `string ${strings++}`;
    const shape = Array.from({ length: c.TF_NumDims(tensor) }, (_, i) => c.TF_Dim(tensor, i));
    const bytes = size === 0 ? [] : new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(c.TF_TensorData(tensor)!, size));
    return `${dtype} [${shape}] ${bytes}`;
  }

  /** The outputs of an operation that calls functions: their shapes are not inferred. */
  #shaped(
    operation: Deno.PointerValue,
    results: readonly { readonly dtype: number; readonly shape: number[] }[],
    name: string,
  ): Symbolic[] {
    const { c, status, check } = this.#api;
    return results.map(({ dtype, shape }, i) => {
      const output = outputStruct(operation, i);
      c.TF_GraphSetTensorShape(this.#graph, output, bigints(shape), shape.length, status);
      check(`shaping what ${name} returns`);
      return { output, place: this.#place(i), dtype, shape };
    });
  }

  #shape(output: Uint8Array<ArrayBuffer>, name: string): number[] {
    const { c, status } = this.#api;
    const rank = c.TF_GraphGetTensorNumDims(this.#graph, output, status);
    const dims = new BigInt64Array(Math.max(rank, 1));
    if (rank > 0) c.TF_GraphGetTensorShape(this.#graph, output, dims, rank, status);
    const shape = [...dims.subarray(0, Math.max(rank, 0))].map(Number);
    if (rank < 0 || shape.some((size) => size < 0)) {
      throw new UserError(
        `Cannot compile ${name} as its output's shape depends on values: found [${shape}], every size must be known`,
      );
    }
    return shape;
  }

  #setAttr(description: Deno.PointerValue, { name, type, value }: OpAttr): void {
    const { c } = this.#api;
    const key = cstring(name);
    if (type === AttrKind.TYPE) c.TF_SetAttrType(description, key, value as number);
    else if (type === AttrKind.BOOL) c.TF_SetAttrBool(description, key, value ? 1 : 0);
    else if (type === AttrKind.FLOAT) c.TF_SetAttrFloat(description, key, value as number);
    else if (type === AttrKind.STRING) {
      const bytes = new TextEncoder().encode(value as string);
      c.TF_SetAttrString(description, key, bytes, BigInt(bytes.length));
    } else if (type === AttrKind.SHAPE) {
      c.TF_SetAttrShape(description, key, bigints(value as number[]), (value as number[]).length);
    } else if (isList(value)) c.TF_SetAttrIntList(description, key, bigints(value), value.length);
    else c.TF_SetAttrInt(description, key, BigInt(value as number));
  }
}

/** Sets an attribute of an operation that is run at once. */
export function setEagerAttr({ c, status }: CApi, operation: Deno.PointerValue, { name, type, value }: OpAttr): void {
  const key = cstring(name);
  if (type === AttrKind.TYPE) c.TFE_OpSetAttrType(operation, key, value as number);
  else if (type === AttrKind.BOOL) c.TFE_OpSetAttrBool(operation, key, value ? 1 : 0);
  else if (type === AttrKind.FLOAT) c.TFE_OpSetAttrFloat(operation, key, value as number);
  else if (type === AttrKind.STRING) {
    const bytes = new TextEncoder().encode(value as string);
    c.TFE_OpSetAttrString(operation, key, bytes, BigInt(bytes.length));
  } else if (type === AttrKind.SHAPE) {
    c.TFE_OpSetAttrShape(operation, key, bigints(value as number[]), (value as number[]).length, status);
  } else if (isList(value)) c.TFE_OpSetAttrIntList(operation, key, bigints(value), value.length);
  else c.TFE_OpSetAttrInt(operation, key, BigInt(value as number));
}

/** Whether an integer attribute is a list of integers. */
export function isList(value: unknown): value is ArrayLike<number> & Iterable<number> {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

/** Sizes as C's `int64_t`. An empty array still has an address. */
export function bigints(values: Iterable<number>): BigInt64Array<ArrayBuffer> {
  const list = [...values].map(BigInt);
  return BigInt64Array.from(list.length ? list : [0n]);
}

/** Whether values of this type are floating-point numbers that TensorFlow.js labels "float32". */
export function isFloat(dtype: number): boolean {
  return dtype === DType.FLOAT || dtype === DType.BFLOAT16;
}

function outputStruct(operation: Deno.PointerValue, index: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, Deno.UnsafePointer.value(operation), true);
  view.setInt32(8, index, true);
  return bytes;
}

function pack(symbols: readonly Symbolic[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16 * Math.max(1, symbols.length));
  symbols.forEach(({ output }, i) => bytes.set(output, 16 * i));
  return bytes;
}
