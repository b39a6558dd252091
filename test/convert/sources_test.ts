/** Tensors made of a checkpoint's parts: which byte goes where, checked on numbers that tell. */
import { halvesOfPairs, joinedColumns, joinedRows, meanOf, partsOf, perHead } from "../../lib/convert/sources.ts";
import type { OutgoingTensor, StoredTensor } from "../../lib/model/safetensors.ts";
import { assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

/** Stores values in a file of their own. */
function store(folder: string, values: readonly number[], shape: readonly number[], dtype: "F32" | "BF16" | "F16" = "F32"): StoredTensor {
  const path = `${folder}/${crypto.randomUUID()}`;
  const floats = Float32Array.from(values);
  const halves = Uint16Array.from(new Uint32Array(floats.buffer), (word) => word >>> 16);
  const buffer = dtype === "F32" ? floats.buffer : dtype === "F16" ? Float16Array.from(floats).buffer : halves.buffer;
  Deno.writeFileSync(path, new Uint8Array(buffer));
  return { dtype, shape, begin: 0, size: buffer.byteLength, path };
}

function valuesOf({ bytes, dtype }: OutgoingTensor): number[] {
  const { buffer } = bytes().slice();
  if (dtype === "F16") return [...new Float16Array(buffer)];
  return [
    ...dtype === "F32"
      ? new Float32Array(buffer)
      : new Float32Array(Uint32Array.from(new Uint16Array(buffer), (half) => half << 16).buffer),
  ];
}

Deno.test("joinedRows() and joinedColumns() put parts after and beside each other", () =>
  withFolder((folder) => {
    const rows = joinedRows("w", partsOf("w", [store(folder, [1, 2, 3, 4], [2, 2]), store(folder, [5, 6], [1, 2])], 2, 0));
    assertEquals([rows.shape, valuesOf(rows)], [[3, 2], [1, 2, 3, 4, 5, 6]]);
    const columns = joinedColumns("w", partsOf("w", [store(folder, [1, 2, 3, 4], [2, 2]), store(folder, [5, 6], [2, 1])], 2, 1));
    assertEquals([columns.shape, valuesOf(columns)], [[2, 3], [1, 2, 5, 3, 4, 6]]);
    const halves = joinedColumns("w", partsOf("w", [store(folder, [1, 2], [2, 1], "BF16"), store(folder, [3, 4], [2, 1], "BF16")], 2, 1));
    assertEquals([halves.shape, valuesOf(halves)], [[2, 2], [1, 3, 2, 4]]);
  }));

Deno.test("halvesOfPairs() sorts the rows of each head, and perHead() gives the heads of a part the part's own vector", () =>
  withFolder((folder) => {
    const pairs = joinedRows("q", partsOf("q", [store(folder, [0, 1, 2, 3, 10, 11, 12, 13], [8, 1])], 2, 0));
    assertEquals(valuesOf(halvesOfPairs(pairs, 4)), [0, 2, 1, 3, 10, 12, 11, 13]);
    const vectors = joinedRows("norm", partsOf("norm", [store(folder, [1, 2], [2]), store(folder, [3, 4], [2])], 1));
    const repeated = perHead(vectors, 4, 2);
    assertEquals([repeated.shape, valuesOf(repeated)], [[4, 2], [1, 2, 1, 2, 3, 4, 3, 4]]);
  }));

Deno.test("meanOf() averages in float32 and rounds to nearest, ties to even", () =>
  withFolder((folder) => {
    const mean = (dtype: "F32" | "BF16" | "F16", ...parts: readonly [number[], ...number[][]]) => {
      const stored = parts.map((values) => store(folder, values, [values.length], dtype)) as [StoredTensor, ...StoredTensor[]];
      return valuesOf(meanOf("norm", partsOf("norm", stored, 1)));
    };
    assertEquals(mean("F32", [1, 2], [2, 4]), [1.5, 3]);
    assertEquals(mean("F16", [1, 2], [2, 4], [3, 6], [4, 8]), [2.5, 5]);
    const step = 2 ** -7; // between bfloat16 numbers over 1
    assertEquals(mean("BF16", [1, 1 + step, -1], [1 + step, 1 + 2 * step, -1 - step]), [1, 1 + 2 * step, -1]); // halfway: to even
    assertEquals(mean("BF16", [1, NaN], [1, NaN])[0], 1); // equal parts stay as they are
  }));

Deno.test("partsOf() refuses parts that do not go together", () =>
  withFolder((folder) => {
    const vector = store(folder, [1, 2], [2]);
    const integers = { ...vector, dtype: "I32" };
    const cases: readonly (readonly [parts: [StoredTensor, ...StoredTensor[]], rank: number | undefined, axis: number | undefined])[] = [
      [[vector, store(folder, [1, 2], [2], "BF16")], 1, undefined],
      [[vector, store(folder, [1, 2, 3], [3])], 1, undefined],
      [[vector], 2, 0],
      [[integers], undefined, undefined],
      [[store(folder, [1, 2], [2, 1]), store(folder, [1, 2], [1, 2])], 2, 1],
    ];
    for (const [parts, rank, axis] of cases) assertThrows(() => partsOf("w", parts, rank, axis), UserError, 'Cannot convert "w"');
  }));
