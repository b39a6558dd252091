/**
 * PyTorch's checkpoints (`.pth`, `.pt`, `.ckpt`): a ZIP archive with a pickle that says where in it each tensor lies. A tensor that
 * is found is a range of the file, read when it is wanted.
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { checkRegular } from "../files.ts";
import { readInto, type StoredTensor } from "../model/safetensors.ts";
import { isA, type Pickled, type PickledTensor, unpickle } from "./pickle.ts";
import { readZip, type ZipEntry } from "./zip.ts";

const LARGEST_PICKLE = 2 ** 26; // bytes; 7B takes 0.2 MB
const BYTES: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 };

/** A refusal, with the file's name. */
type Refuse = (why: string) => never;

/**
 * Finds the tensors of a checkpoint: those of the dict that it is, or of its `state_dict` as Lightning writes.
 *
 * @param path the file
 * @returns tensors by name, each a range of the file; entries that are None are left out
 * @throws UserError naming what is refused: code, a broken archive, or tensors that do not fit into it
 */
export function readTorchFile(path: string): Map<string, StoredTensor> {
  const refuse: Refuse = (why) => {
    throw new UserError(`Cannot read ${path} as a PyTorch checkpoint: ${why}`);
  };
  refuseOldFormat(path, refuse);
  const entries = readZip(path);
  const pickle = [...entries].filter(([name]) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickle.length !== 1) return refuse(`its archive has ${pickle.length} files NAME/data.pkl, wanted one`);
  const [[name, { size }]] = pickle as [[string, ZipEntry]];
  if (size > LARGEST_PICKLE) return refuse(`its pickle has ${size} bytes, at most ${LARGEST_PICKLE} are read`);
  const root = name.slice(0, -"data.pkl".length);
  const order = entries.get(`${root}byteorder`);
  if (order && !(order.size === 6 && new TextDecoder().decode(readEntry(path, order)) === "little")) {
    return refuse("it is not little-endian");
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [key, value] of stateOf(unpickle(readEntry(path, entries.get(name)!), path), refuse)) {
    if (value === null) continue; // Anole's `rope.freqs`
    if (typeof key !== "string" || !isA(value, "tensor")) return refuse(`its entry ${quoted(key)} is no tensor with a name`);
    tensors.set(key, located(path, key, value, entries.get(`${root}data/${value.storage.key}`), refuse));
  }
  return tensors;
}

/** The format before version 1.6, a row of pickles, begins with one; an archive begins with PK. */
function refuseOldFormat(path: string, refuse: Refuse): void {
  checkRegular(path, Infinity);
  const size = Math.min(1, Deno.statSync(path).size);
  const [first] = readEntry(path, { begin: 0, size });
  if (first === 0x80) refuse("it is in PyTorch's format from before version 1.6; load it in Python and save it again");
}

function stateOf(value: Pickled, refuse: Refuse): Map<Pickled, Pickled> {
  if (!isA(value, "dict")) return refuse("it holds no tensors by name");
  const inner = value.entries.get("state_dict");
  return isA(inner, "dict") ? inner.entries : value.entries;
}

/** Where a tensor's bytes lie, once all that the pickle claims of it was checked against the archive. */
function located(path: string, name: string, tensor: PickledTensor, entry: ZipEntry | undefined, refuse: Refuse): StoredTensor {
  const { storage: { key, dtype, elements }, offset, shape, strides } = tensor;
  const bytes = BYTES[dtype]!;
  if (!entry) return refuse(`${quoted(name)} lies in storage ${quoted(key)}, which the archive does not have`);
  if (elements * bytes !== entry.size) {
    return refuse(`storage ${quoted(key)} claims ${elements} elements of ${bytes} bytes, the archive has ${entry.size} bytes of it`);
  }
  if (shape.length > 16) return refuse(`${quoted(name)} has ${shape.length} dimensions`);
  const count = shape.reduce((a, b) => a * b, 1);
  const end = count === 0 ? offset : offset + 1 + shape.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
  if (!Number.isSafeInteger(end) || end > elements) {
    return refuse(`${quoted(name)} of shape ${quoted(shape)} ends at element ${end} of storage ${quoted(key)}, which has ${elements}`);
  }
  if (!isRowByRow(shape, strides)) {
    return refuse(`${quoted(name)} has strides ${quoted(strides)}: only tensors that lie row by row are read; save it .contiguous()`);
  }
  return { dtype, shape, begin: entry.begin + offset * bytes, size: count * bytes, path };
}

/** Whether elements follow each other in the order of their indices; the stride of a dimension of size 1 does not matter. */
function isRowByRow(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== step && !shape.includes(0)) return false;
    step *= shape[i]!;
  }
  return true;
}

function readEntry(path: string, { begin, size }: ZipEntry): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  readInto({ path, begin, size, dtype: "U8", shape: [size] }, bytes);
  return bytes;
}
