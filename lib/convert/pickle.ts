/**
 * Python's pickles, as far as PyTorch's checkpoints need them. A pickle is a program for a small stack machine, and Python's own
 * lets it call any function. Here nothing is ever called: a few names stand for records of what they would make, and every other
 * name ends the reading. The machine has no recursion, and a pickle gets so many steps and no more.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";

/** What a pickle may hold. */
export type Pickled = null | boolean | number | string | Uint8Array | Kinds;

type Kinds = PickledList | PickledTuple | PickledDict | PickledGlobal | PickledStorage | PickledTensor;

/** A list. */
export interface PickledList {
  readonly kind: "list";
  readonly items: Pickled[];
}

/** A tuple. */
export interface PickledTuple {
  readonly kind: "tuple";
  readonly items: readonly Pickled[];
}

/** A dict; its keys are texts, numbers, booleans or None. */
export interface PickledDict {
  readonly kind: "dict";
  readonly entries: Map<Pickled, Pickled>;
}

/** One of the few names that are allowed. */
export interface PickledGlobal {
  readonly kind: "global";
  readonly name: string;
}

/** The memory of tensors: an entry of the archive. */
export interface PickledStorage {
  readonly kind: "storage";
  /** The entry's name, below `data/`. */
  readonly key: string;
  /** Element type, as safetensors call it. */
  readonly dtype: string;
  /** How many elements it claims. */
  readonly elements: number;
}

/** A view of a storage; its numbers are what the file claims, checked by nobody yet. */
export interface PickledTensor {
  readonly kind: "tensor";
  readonly storage: PickledStorage;
  /** First element. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Elements from one to the next, in each dimension. */
  readonly strides: readonly number[];
}

/** PyTorch's classes of storages, with their element types. */
const STORAGES: Readonly<Record<string, string>> = {
  ...{ "torch.FloatStorage": "F32", "torch.BFloat16Storage": "BF16", "torch.HalfStorage": "F16", "torch.DoubleStorage": "F64" },
  ...{ "torch.LongStorage": "I64", "torch.IntStorage": "I32", "torch.ShortStorage": "I16", "torch.CharStorage": "I8" },
  ...{ "torch.ByteStorage": "U8", "torch.BoolStorage": "BOOL" },
};

const ORDERED_DICT = "collections.OrderedDict";
const TENSOR = "torch._utils._rebuild_tensor_v2";
const PARAMETER = "torch._utils._rebuild_parameter";
const ALLOWED: ReadonlySet<string> = new Set([ORDERED_DICT, TENSOR, PARAMETER, ...Object.keys(STORAGES)]);

const MOST_STEPS = 2 ** 21; // 7B takes 20,000
const DEEPEST = 1000; // marks open at once; PyTorch's checkpoints take a few

/** The stack machine. */
interface Machine {
  readonly view: DataView;
  at: number;
  readonly stack: Pickled[];
  /** Heights of the stack where sequences began. */
  readonly marks: number[];
  readonly memo: Map<number, Pickled>;
  readonly refuse: (why: string) => never;
}

/**
 * Reads a pickle of protocol 2 to 5 without running it.
 *
 * @param bytes the pickle
 * @param path names the file in messages
 * @returns what it holds
 * @throws UserError naming what is refused: a function or class other than those of plain tensors, or a broken pickle
 */
export function unpickle(bytes: Uint8Array<ArrayBuffer>, path: string): Pickled {
  const refuse = (why: string): never => {
    throw new UserError(`Cannot read ${path} as a PyTorch checkpoint: ${why}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const machine: Machine = { view, at: 0, stack: [], marks: [], memo: new Map(), refuse };
  for (let step = 0; step < MOST_STEPS; step++) {
    const code = byteOf(machine);
    if (code === STOP) return machine.stack.length === 1 ? pop(machine) : refuse(`its pickle leaves ${machine.stack.length} values`);
    const run = CODES[code];
    if (!run) return refuse(`its pickle has the instruction 0x${code.toString(16).padStart(2, "0")}, which no tensor needs`);
    run(machine);
  }
  return refuse(`its pickle has more than ${MOST_STEPS} instructions`);
}

const STOP = 0x2e;

/** The instructions that tensors need, by their codes. */
const CODES: Readonly<Record<number, (machine: Machine) => void>> = {
  0x80: (m) => checkProtocol(m, byteOf(m)), // PROTO
  0x95: (m) => void take(m, 8), // FRAME: says how much may be read at once
  0x28: (m) => m.marks.push(m.stack.length) > DEEPEST && m.refuse(`its pickle is nested more than ${DEEPEST} deep`), // MARK
  0x30: (m) => void pop(m), // POP
  0x4e: (m) => push(m, null), // NONE
  0x88: (m) => push(m, true), // NEWTRUE
  0x89: (m) => push(m, false), // NEWFALSE
  0x4a: (m) => push(m, take(m, 4).getInt32(0, true)), // BININT
  0x4b: (m) => push(m, byteOf(m)), // BININT1
  0x4d: (m) => push(m, take(m, 2).getUint16(0, true)), // BININT2
  0x8a: (m) => push(m, longOf(m, byteOf(m))), // LONG1
  0x47: (m) => push(m, take(m, 8).getFloat64(0, false)), // BINFLOAT
  0x58: (m) => push(m, textOf(m, take(m, 4).getUint32(0, true))), // BINUNICODE
  0x8c: (m) => push(m, textOf(m, byteOf(m))), // SHORT_BINUNICODE
  0x55: (m) => push(m, textOf(m, byteOf(m))), // SHORT_BINSTRING
  0x42: (m) => push(m, bytesOf(m, take(m, 4).getUint32(0, true))), // BINBYTES
  0x43: (m) => push(m, bytesOf(m, byteOf(m))), // SHORT_BINBYTES
  0x5d: (m) => push(m, { kind: "list", items: [] }), // EMPTY_LIST
  0x29: (m) => push(m, { kind: "tuple", items: [] }), // EMPTY_TUPLE
  0x7d: (m) => push(m, { kind: "dict", entries: new Map() }), // EMPTY_DICT
  0x85: (m) => push(m, { kind: "tuple", items: popSome(m, 1) }), // TUPLE1
  0x86: (m) => push(m, { kind: "tuple", items: popSome(m, 2) }), // TUPLE2
  0x87: (m) => push(m, { kind: "tuple", items: popSome(m, 3) }), // TUPLE3
  0x74: (m) => push(m, { kind: "tuple", items: popMarked(m) }), // TUPLE
  0x61: (m) => append(m, popSome(m, 1)), // APPEND
  0x65: (m) => append(m, popMarked(m)), // APPENDS
  0x73: (m) => setItems(m, popSome(m, 2)), // SETITEM
  0x75: (m) => setItems(m, popMarked(m)), // SETITEMS
  0x71: (m) => void m.memo.set(byteOf(m), top(m)), // BINPUT
  0x72: (m) => void m.memo.set(take(m, 4).getUint32(0, true), top(m)), // LONG_BINPUT
  0x94: (m) => void m.memo.set(m.memo.size, top(m)), // MEMOIZE
  0x68: (m) => push(m, recall(m, byteOf(m))), // BINGET
  0x6a: (m) => push(m, recall(m, take(m, 4).getUint32(0, true))), // LONG_BINGET
  0x63: (m) => push(m, globalOf(m, `${lineOf(m)}.${lineOf(m)}`)), // GLOBAL
  0x93: (m) => push(m, globalOf(m, popSome(m, 2).map((part) => typeof part === "string" ? part : "?").join("."))), // STACK_GLOBAL
  0x51: (m) => push(m, storageOf(m, pop(m))), // BINPERSID
  0x52: (m) => push(m, reduce(m, ...popSome(m, 2) as [Pickled, Pickled])), // REDUCE
  0x62: (m) => build(m, pop(m)), // BUILD
};

function checkProtocol({ refuse }: Machine, protocol: number): void {
  if (protocol < 2 || protocol > 5) refuse(`its pickle has protocol ${protocol}, wanted 2 to 5`);
}

function byteOf(machine: Machine): number {
  const { view, at, refuse } = machine;
  if (at >= view.byteLength) return refuse(CUT_OFF);
  machine.at++;
  return view.getUint8(at);
}

const CUT_OFF = "its pickle ends in the middle of an instruction";

/** The next bytes of the pickle. */
function take(machine: Machine, count: number): DataView {
  const { view, at, refuse } = machine;
  if (count > view.byteLength - at) return refuse(CUT_OFF);
  machine.at += count;
  return new DataView(view.buffer, view.byteOffset + at, count);
}

function bytesOf(machine: Machine, count: number): Uint8Array {
  const { buffer, byteOffset } = take(machine, count);
  return new Uint8Array(buffer, byteOffset, count);
}

function textOf(machine: Machine, count: number): string {
  return new TextDecoder().decode(bytesOf(machine, count));
}

const LONGEST_LINE = 1000; // characters of a module's or a class's name

function lineOf(machine: Machine): string {
  const { view, at } = machine;
  for (let length = 0; length < LONGEST_LINE && at + length < view.byteLength; length++) {
    if (view.getUint8(at + length) !== 0x0a) continue;
    const line = textOf(machine, length);
    machine.at++;
    return line;
  }
  return machine.refuse("its pickle has a name without an end");
}

/** A whole number in two's complement, little-endian, that JavaScript holds exactly. */
function longOf(machine: Machine, count: number): number {
  if (count > 8) return machine.refuse(`its pickle has a whole number of ${count} bytes`);
  const view = take(machine, count);
  let value = 0n;
  for (let i = 0; i < count; i++) value |= BigInt(view.getUint8(i)) << BigInt(8 * i);
  const number = Number(BigInt.asIntN(8 * count, value));
  return Number.isSafeInteger(number) ? number : machine.refuse("its pickle has a whole number over 2^53");
}

function push({ stack }: Machine, value: Pickled): void {
  stack.push(value);
}

/** The value on top of the stack, above the last mark. */
function top({ stack, marks, refuse }: Machine): Pickled {
  return stack.length > (marks.at(-1) ?? 0) ? stack.at(-1)! : refuse("its pickle takes a value that is not there");
}

function pop(machine: Machine): Pickled {
  const value = top(machine);
  machine.stack.pop();
  return value;
}

function popSome({ stack, marks, refuse }: Machine, count: number): Pickled[] {
  return stack.length - count >= (marks.at(-1) ?? 0) ? stack.splice(-count) : refuse("its pickle takes a value that is not there");
}

function popMarked({ stack, marks, refuse }: Machine): Pickled[] {
  const mark = marks.pop();
  return mark === undefined ? refuse("its pickle ends a sequence that did not begin") : stack.splice(mark);
}

function append(machine: Machine, values: readonly Pickled[]): void {
  const list = top(machine);
  if (!isA(list, "list")) return machine.refuse("its pickle appends to what is no list");
  for (const value of values) list.items.push(value);
}

function setItems(machine: Machine, pairs: readonly Pickled[]): void {
  const dict = top(machine);
  if (!isA(dict, "dict") || pairs.length % 2 !== 0) return machine.refuse("its pickle sets items of what is no dict");
  for (let i = 0; i < pairs.length; i += 2) setItem(machine, dict, pairs[i]!, pairs[i + 1]!);
}

function setItem({ refuse }: Machine, dict: PickledDict, key: Pickled, value: Pickled): void {
  if (typeof key === "object" && key !== null) refuse("its pickle has a dict whose key is neither text nor number");
  if (dict.entries.has(key)) refuse(`its pickle has the key ${quoted(key)} twice`);
  dict.entries.set(key, value);
}

function recall({ memo, refuse }: Machine, index: number): Pickled {
  return memo.has(index) ? memo.get(index)! : refuse(`its pickle recalls value ${index}, which it did not keep`);
}

/** The one place where a name could become code: it becomes a record, or the end. */
function globalOf({ refuse }: Machine, name: string): PickledGlobal {
  if (ALLOWED.has(name)) return { kind: "global", name };
  return refuse(
    `it asks for ${quoted(name)}, which plain tensors do not need and which may be code; if you trust the file, load it in Python ` +
      "and save its tensors alone",
  );
}

/** `("storage", class, key, device, elements)` → the storage. */
function storageOf({ refuse }: Machine, id: Pickled): PickledStorage {
  const [word, type, key, , elements] = isA(id, "tuple") ? id.items : [];
  const dtype = isA(type, "global") ? STORAGES[type.name] : undefined;
  if (word !== "storage" || dtype === undefined || typeof key !== "string" || !isCount(elements)) {
    return refuse("its pickle refers to something outside it that is no tensor's storage");
  }
  return { kind: "storage", key, dtype, elements };
}

/** What calling a name would make. */
function reduce(machine: Machine, callee: Pickled, args: Pickled): Pickled {
  const name = isA(callee, "global") ? callee.name : "";
  if (!isA(args, "tuple")) return machine.refuse("its pickle calls a function without arguments");
  switch (name) {
    case ORDERED_DICT:
      return orderedDict(machine, args.items);
    case TENSOR:
      return tensorOf(machine, args.items);
    case PARAMETER:
      return isA(args.items[0], "tensor") ? args.items[0] : machine.refuse("its pickle has a parameter that is no tensor");
    default:
      return machine.refuse(`its pickle calls ${name === "" ? "what is no function" : quoted(name)}`);
  }
}

/** `OrderedDict()` or `OrderedDict([(key, value), …])`. */
function orderedDict(machine: Machine, [pairs]: readonly Pickled[]): PickledDict {
  const dict: PickledDict = { kind: "dict", entries: new Map() };
  if (pairs === undefined) return dict;
  if (!isA(pairs, "list")) return machine.refuse("its pickle makes an OrderedDict of what is no list");
  for (const pair of pairs.items) {
    if (!(isA(pair, "tuple") || isA(pair, "list")) || pair.items.length !== 2) {
      return machine.refuse("its pickle makes an OrderedDict of what are no pairs");
    }
    setItem(machine, dict, pair.items[0]!, pair.items[1]!);
  }
  return dict;
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, …)` → the view. */
function tensorOf({ refuse }: Machine, [storage, offset, shape, strides]: readonly Pickled[]): PickledTensor {
  if (!isA(storage, "storage")) return refuse("its pickle has a tensor without a storage");
  const [sizes, steps] = [shape, strides].map((value) => isA(value, "tuple") ? value.items : []);
  if (!isCount(offset) || !sizes!.every(isCount) || !steps!.every(isCount) || sizes!.length !== steps!.length) {
    return refuse(`its pickle has a tensor in storage ${quoted(storage.key)} with an offset, shape or strides that are no counts`);
  }
  return { kind: "tensor", storage, offset, shape: sizes as number[], strides: steps as number[] };
}

/** State of an object. Of what can stand here only an OrderedDict has any: `_metadata` of a module, which nothing needs. */
function build(machine: Machine, state: Pickled): void {
  if (!isA(top(machine), "dict") || !isA(state, "dict")) machine.refuse("its pickle sets the state of what is no OrderedDict");
}

/** Whether a value is of a kind. */
export function isA<K extends Kinds["kind"]>(value: Pickled | undefined, kind: K): value is Extract<Kinds, { readonly kind: K }> {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
