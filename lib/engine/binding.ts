/**
 * The six calls that all of tfjs-node's kernels go through, over TensorFlow's C API instead of tfjs-node's own add-on.
 * While a trace is open the same calls build a graph.
 *
 * Two element types hide behind TensorFlow.js's label "float32": FLOAT and BFLOAT16. The binding keeps an operation's
 * type attributes true to what its inputs really are, and widens bfloat16 where an operation mixes the two. So all of
 * TensorFlow.js, gradients included, works on bfloat16 tensors without knowing of them.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { BYTES, type CApi, cstring, DType } from "./capi.ts";
import { retype, retyped, shown, type TensorValues, valueBytes } from "./element_types.ts";
import { doNothing, type FileBytes } from "./mapped.ts";
import { AttrKind, bigints, type GraphFunction, isFloat, type OpAttr, setEagerAttr, type Symbolic, Trace } from "./graph.ts";

/** What TensorFlow.js is told of a tensor: an id, a shape, and an element type it knows. */
export interface TensorMetadata {
  /** The tensor's number in this binding. */
  readonly id: number;
  /** Its shape. */
  readonly shape: number[];
  /** Its element type; bfloat16 is shown as FLOAT. */
  readonly dtype: number;
}

interface OpenTrace {
  readonly trace: Trace;
  readonly symbols: Map<number, Symbolic>;
  readonly captured: Map<number, Deno.PointerValue>; // handles that the function holds on to, by symbol id
}

/** A function made by {@linkcode Binding.trace}, with the tensors that it captured. */
export interface TracedFunction {
  /** The graph's function. */
  readonly fn: GraphFunction;
  /** Ids of captured tensors: further inputs after the arguments. */
  readonly captured: readonly number[];
}

const CONSTANT_LIMIT = 64; // elements: smaller captured tensors become constants of the graph

/** tfjs-node's native binding, in TypeScript. */
export class Binding {
  readonly TF_FLOAT = DType.FLOAT;
  readonly TF_INT32 = DType.INT32;
  readonly TF_INT64 = DType.INT64;
  readonly TF_BOOL = DType.BOOL;
  readonly TF_COMPLEX64 = DType.COMPLEX64;
  readonly TF_STRING = DType.STRING;
  readonly TF_RESOURCE = DType.RESOURCE;
  readonly TF_UINT8 = DType.UINT8;
  readonly TF_ATTR_STRING = AttrKind.STRING;
  readonly TF_ATTR_INT = AttrKind.INT;
  readonly TF_ATTR_FLOAT = AttrKind.FLOAT;
  readonly TF_ATTR_BOOL = AttrKind.BOOL;
  readonly TF_ATTR_TYPE = AttrKind.TYPE;
  readonly TF_ATTR_SHAPE = AttrKind.SHAPE;
  readonly TF_Version: string;
  readonly gpuMemory: number | undefined; // bytes that TensorFlow may take of it

  readonly api: CApi; // for what is not about tensors
  readonly #gpu: boolean;
  readonly #handles = new Map<number, Deno.PointerValue>();
  readonly #bfloat16 = new Set<number>();
  readonly #traces: OpenTrace[] = [];
  readonly #count = new Int32Array(1);
  readonly #called = new Set<string>();
  readonly #afterFirstCall: () => void;
  #next = 1;

  /** Binds to an opened TensorFlow; `afterFirstCall` of a function, whatever it holds has been compiled. */
  constructor(api: CApi, afterFirstCall: () => void = () => {}) {
    this.api = api;
    this.#afterFirstCall = afterFirstCall;
    this.#gpu = api.devices.includes("GPU");
    this.TF_Version = api.version;
    this.gpuMemory = api.gpuMemory;
  }

  /** Whether a GPU is there; TensorFlow then places what it can on it. */
  isUsingGpuDevice(): boolean {
    return this.#gpu;
  }

  /** How many tensors are alive. */
  getNumOfTensors(): number {
    return this.#handles.size;
  }

  /** Whether a trace is open. */
  isTracing(): boolean {
    return this.#traces.length > 0;
  }

  /** The true element type of a tensor. */
  elementType(id: number): number {
    const symbol = this.#symbol(id);
    if (symbol) return symbol.dtype;
    return this.#bfloat16.has(id) ? DType.BFLOAT16 : this.api.c.TFE_TensorHandleDataType(this.#handle(id));
  }

  /** Makes a tensor from values in JavaScript. */
  createTensor(shape: readonly number[], dtype: number, values: TensorValues): number {
    const bytes = valueBytes(dtype, values);
    return this.allocate(shape, dtype, (memory) => memory.set(bytes));
  }

  /** Makes a tensor and lets `fill` write its memory: weights go from disk to where they stay with no copy between. */
  allocate(shape: readonly number[], dtype: number, fill: (memory: Uint8Array<ArrayBuffer>) => void): number {
    const { c, status, check } = this.api;
    const size = shape.reduce((a, b) => a * b, 1) * (BYTES[dtype] ?? 0);
    const tensor = c.TF_AllocateTensor(dtype, bigints(shape), shape.length, BigInt(size));
    if (!tensor) throw new UserError(`Cannot allocate a tensor of shape [${shape}]: ${size} bytes were refused`);
    if (size > 0) fill(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(c.TF_TensorData(tensor)!, size)));
    const handle = c.TFE_NewTensorHandle(tensor, status);
    check("making a tensor");
    c.TF_DeleteTensor(tensor);
    return this.#register(this.#place(handle, dtype), dtype);
  }

  /** Makes a tensor of a mapped file's bytes, where they lie. TensorFlow never writes into memory that it does not own. */
  adopt(shape: readonly number[], dtype: number, { pointer, size }: FileBytes): number {
    const { c, status, check } = this.api;
    const tensor = c.TF_NewTensor(dtype, bigints(shape), shape.length, pointer, BigInt(size), doNothing(), null);
    const handle = c.TFE_NewTensorHandle(tensor, status);
    check("making a tensor of a file");
    c.TF_DeleteTensor(tensor);
    return this.#register(this.#place(handle, dtype), dtype);
  }

  /** Frees a tensor. Symbols of a trace go with their trace. */
  deleteTensor(id: number): void {
    const handle = this.#handles.get(id);
    if (handle === undefined) return;
    this.api.c.TFE_DeleteTensorHandle(handle);
    this.#handles.delete(id);
    this.#bfloat16.delete(id);
  }

  /** Copies a tensor's values to JavaScript; bfloat16 arrives as float32. */
  tensorDataSync(id: number): Float32Array | Int32Array | Uint8Array | BigInt64Array {
    if (this.#symbol(id)) {
      throw new TypeError(
        "Cannot read a tensor's values inside compile(): they are not known while a function is traced. " +
          "Return the tensor and read it outside, or pass the value in as an argument",
      );
    }
    if (this.#bfloat16.has(id)) return this.#widened(id, (wide) => this.tensorDataSync(wide));
    const { dtype, memory } = this.#stored(id);
    if (dtype === DType.FLOAT) return new Float32Array(memory);
    if (dtype === DType.INT32) return new Int32Array(memory);
    return dtype === DType.INT64 ? new BigInt64Array(memory) : new Uint8Array(memory);
  }

  /** Copies the bytes of a tensor as they are stored, bfloat16 included. */
  tensorBytes(id: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#stored(id).memory);
  }

  #stored(id: number): { dtype: number; memory: ArrayBuffer } {
    const { c, status, check } = this.api;
    const tensor = c.TFE_TensorHandleResolve(this.#handle(id), status);
    check("reading a tensor");
    const size = Number(c.TF_TensorByteSize(tensor));
    const dtype = c.TF_TensorType(tensor);
    const memory = size > 0 ? Deno.UnsafePointerView.getArrayBuffer(c.TF_TensorData(tensor)!, size).slice(0) : new ArrayBuffer(0);
    c.TF_DeleteTensor(tensor);
    return { dtype, memory };
  }

  /** Runs an operation, or adds it to the open trace. */
  executeOp(name: string, attrs: readonly OpAttr[], ids: readonly number[], outputs: number): TensorMetadata[] {
    const dtypes = this.#bfloat16.size > 0 || this.#traces.length > 0 ? ids.map((id) => this.elementType(id)) : [];
    if (!dtypes.includes(DType.BFLOAT16)) return this.#run(name, attrs, ids, outputs);
    if (name === "Cast") return this.#run(name, retyped(attrs, "SrcT"), ids, outputs);
    const mixed = dtypes.includes(DType.FLOAT);
    if (!mixed) return this.#run(name, attrs.map((attr) => retype(attr)), ids, outputs);
    const made: number[] = [];
    const wide = ids.map((id, i) => {
      if (dtypes[i] !== DType.BFLOAT16) return id;
      made.push(this.cast(id, DType.FLOAT).id);
      return made.at(-1)!;
    });
    const results = this.#run(name, attrs, wide, outputs);
    made.forEach((id) => this.deleteTensor(id));
    return results;
  }

  /** Runs an operation that waits for other processes, on another thread; its inputs must live until it is done. */
  async executeApart(name: string, attrs: readonly OpAttr[], ids: readonly number[]): Promise<TensorMetadata> {
    const { c, apart } = this.api;
    const operation = this.#operation(name, attrs, ids);
    const [results, count] = [new BigUint64Array(new ArrayBuffer(8)), new Int32Array(new ArrayBuffer(4)).fill(1)];
    await apart(`running ${name}`, (status) => c.executeApart(operation, results, count, status)).finally(() => c.TFE_DeleteOp(operation));
    return this.#metadata(Deno.UnsafePointer.create(results[0]!));
  }

  /** As {@linkcode executeOp}, with all type attributes as they are given. */
  executeTyped(name: string, attrs: readonly OpAttr[], ids: readonly number[]): TensorMetadata {
    return this.#run(name, attrs, ids, 1)[0]!;
  }

  /** Converts the elements of a tensor. */
  cast(id: number, dtype: number): TensorMetadata {
    return this.#run(
      "Cast",
      [
        { name: "SrcT", type: AttrKind.TYPE, value: this.elementType(id) },
        { name: "DstT", type: AttrKind.TYPE, value: dtype },
        { name: "Truncate", type: AttrKind.BOOL, value: false },
      ],
      [id],
      1,
    )[0]!;
  }

  /**
   * Traces `body` into a function.
   *
   * @param args element types and shapes of the arguments
   * @param body gets the arguments' ids and returns the results' ids
   * @param xla whether XLA compiles the function
   */
  trace(
    args: readonly { readonly dtype: number; readonly shape: readonly number[] }[],
    body: (ids: number[]) => readonly number[],
    xla: boolean,
  ): TracedFunction {
    const open: OpenTrace = { trace: new Trace(this.api), symbols: new Map(), captured: new Map() };
    this.#traces.push(open);
    try {
      const parameters = args.map(({ dtype, shape }) => open.trace.placeholder(dtype, shape));
      const results = body(parameters.map((symbol) => this.#addSymbol(open, symbol).id)).map((id) => this.#resolve(open, id));
      const captured = [...open.captured].map(([symbolId, handle]) => ({ symbol: open.symbols.get(symbolId)!, handle }));
      const fn = open.trace.finish([...parameters, ...captured.map(({ symbol }) => symbol)], results, xla);
      return { fn, captured: captured.map(({ symbol, handle }) => this.#register(handle, symbol.dtype)) };
    } catch (error) {
      open.trace.dispose();
      for (const handle of open.captured.values()) this.api.c.TFE_DeleteTensorHandle(handle);
      throw error;
    } finally {
      this.#traces.pop();
    }
  }

  /** Calls a traced function, or adds the call to the open trace. */
  call({ fn, captured }: TracedFunction, ids: readonly number[]): TensorMetadata[] {
    const inputs = [...ids, ...captured];
    const open = this.#traces.at(-1);
    if (!open) {
      const xla = fn.xla ? [{ name: "_XlaMustCompile", type: AttrKind.BOOL, value: true }] : [];
      const results = this.#eager(fn.name, xla, inputs, fn.results.length);
      if (!this.#called.has(fn.name)) this.#afterFirstCall();
      this.#called.add(fn.name);
      return results;
    }
    return open.trace.call(fn, inputs.map((id) => this.#resolve(open, id))).map((symbol) => this.#addSymbol(open, symbol));
  }

  /**
   * Adds a loop to the open trace.
   *
   * @param test gives whether the loop goes on, of the state
   * @param body gives the next state
   * @param ids the state that it begins with
   */
  whileLoop(test: TracedFunction, body: TracedFunction, ids: readonly number[]): TensorMetadata[] {
    const open = this.#traces.at(-1)!;
    const state = ids.map((id) => this.#resolve(open, id));
    return open.trace.whileLoop(test.fn, body.fn, state).map((symbol) => this.#addSymbol(open, symbol));
  }

  #run(name: string, attrs: readonly OpAttr[], ids: readonly number[], outputs: number): TensorMetadata[] {
    const open = this.#traces.at(-1);
    if (!open) return this.#eager(name, attrs, ids, outputs);
    const inputs = ids.map((id) => this.#resolve(open, id));
    return open.trace.operation(name, attrs, inputs, outputs).map((symbol) => this.#addSymbol(open, symbol));
  }

  #eager(name: string, attrs: readonly OpAttr[], ids: readonly number[], outputs: number): TensorMetadata[] {
    const { c, status, check } = this.api;
    const operation = this.#operation(name, attrs, ids);
    try {
      const results = new BigUint64Array(Math.max(1, outputs)); // TFE_Execute writes one handle an output
      this.#count[0] = outputs;
      c.TFE_Execute(operation, results, this.#count, status);
      check(`running ${name}`);
      return Array.from({ length: outputs }, (_, i) => this.#metadata(Deno.UnsafePointer.create(results[i]!)));
    } finally {
      c.TFE_DeleteOp(operation);
    }
  }

  /** An operation with attributes and inputs, the caller's to run and to delete. */
  #operation(name: string, attrs: readonly OpAttr[], ids: readonly number[]): Deno.PointerValue {
    const { c, status, context, check } = this.api;
    const operation = c.TFE_NewOp(context, cstring(name), status);
    check(`finding the operation ${name}`);
    try {
      for (const attr of attrs) setEagerAttr(this.api, operation, attr);
      for (const id of ids) c.TFE_OpAddInput(operation, this.#handle(id), status);
      check(`giving ${name} its inputs`);
      return operation;
    } catch (error) {
      c.TFE_DeleteOp(operation);
      throw error;
    }
  }

  #metadata(handle: Deno.PointerValue): TensorMetadata {
    const { c, status } = this.api;
    const rank = c.TFE_TensorHandleNumDims(handle, status);
    const shape = Array.from({ length: rank }, (_, i) => Number(c.TFE_TensorHandleDim(handle, i, status)));
    const dtype = c.TFE_TensorHandleDataType(handle);
    return { id: this.#register(handle, dtype), shape, dtype: shown(dtype) };
  }

  #register(handle: Deno.PointerValue, dtype: number): number {
    const id = this.#next++;
    this.#handles.set(id, handle);
    if (dtype === DType.BFLOAT16) this.#bfloat16.add(id);
    return id;
  }

  /** The one place that decides where tensors live: floating-point ones on the GPU, where there is one. It sees this process's alone. */
  #place(handle: Deno.PointerValue, dtype: number): Deno.PointerValue {
    if (!this.#gpu || !isFloat(dtype)) return handle; // TensorFlow keeps int32 in host memory, sizes and indices as they are
    const { c, status, context, check } = this.api;
    const placed = c.TFE_TensorHandleCopyToDevice(handle, context, cstring("GPU:0"), status);
    check("copying a tensor to the GPU");
    c.TFE_DeleteTensorHandle(handle);
    return placed;
  }

  #handle(id: number): Deno.PointerValue {
    const handle = this.#handles.get(id);
    if (handle === undefined) {
      throw new ReferenceError(
        this.#symbol(id) ? "Cannot use a tensor of a traced function outside it" : `Cannot use tensor ${id} as it was disposed`,
      );
    }
    return handle;
  }

  #symbol(id: number): Symbolic | undefined {
    for (let i = this.#traces.length - 1; i >= 0; i--) {
      const symbol = this.#traces[i]!.symbols.get(id);
      if (symbol) return symbol;
    }
  }

  #addSymbol(open: OpenTrace, symbol: Symbolic): TensorMetadata {
    const id = this.#next++;
    open.symbols.set(id, symbol);
    return { id, shape: symbol.shape, dtype: shown(symbol.dtype) };
  }

  /** The symbol of a tensor in the open trace; a tensor from outside becomes a constant or a further input. */
  #resolve(open: OpenTrace, id: number): Symbolic {
    const own = open.symbols.get(id);
    if (own) return own;
    if (!this.#handles.has(id) && this.#symbol(id)) {
      throw new TypeError(
        "Cannot capture a tensor of the function around a compiled function: pass it to the inner one as an argument",
      );
    }
    const symbol = this.#capture(open, id);
    open.symbols.set(id, symbol);
    return symbol;
  }

  #capture(open: OpenTrace, id: number): Symbolic {
    const { c, status, check } = this.api;
    const handle = this.#handle(id);
    const rank = c.TFE_TensorHandleNumDims(handle, status);
    const shape = Array.from({ length: rank }, (_, i) => Number(c.TFE_TensorHandleDim(handle, i, status)));
    if (shape.reduce((a, b) => a * b, 1) > CONSTANT_LIMIT) {
      const shared = c.TFE_TensorHandleCopySharingTensor(handle, status); // survives whoever disposes the tensor
      check("capturing a tensor");
      open.captured.set(id, shared);
      return open.trace.placeholder(this.elementType(id), shape);
    }
    const tensor = c.TFE_TensorHandleResolve(handle, status);
    check("capturing a constant");
    const symbol = open.trace.constant(tensor);
    c.TF_DeleteTensor(tensor);
    return symbol;
  }

  #widened<T>(id: number, use: (wide: number) => T): T {
    const wide = this.cast(id, DType.FLOAT).id;
    try {
      return use(wide);
    } finally {
      this.deleteTensor(wide);
    }
  }
}
