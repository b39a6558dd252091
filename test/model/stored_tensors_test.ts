import { readHeader, type StoredTensor, writeSafetensors } from "../../lib/model/safetensors.ts";
import { differences, listed, readTensor } from "../../lib/model/stored_tensors.ts";
import { assertClose, assertEquals, assertThrows, engine, take, withFolder, withoutLeaks } from "../support.ts";

await engine();

/** A file of a tensor of each float type with the numbers 1, -2, 0.5, and one of whole numbers. */
function store(folder: string): ReadonlyMap<string, StoredTensor> {
  const path = `${folder}/a.safetensors`;
  const words = (list: number[]) => new Uint8Array(Uint16Array.from(list).buffer);
  const tensors = [
    { name: "single", dtype: "F32" as const, shape: [3], bytes: () => new Uint8Array(Float32Array.of(1, -2, 0.5).buffer) },
    { name: "half", dtype: "F16" as const, shape: [3], bytes: () => words([0x3c00, 0xc000, 0x3800]) },
    { name: "brain", dtype: "BF16" as const, shape: [3, 1], bytes: () => words([0x3f80, 0xc000, 0x3f00]) },
    { name: "whole", dtype: "I32" as const, shape: [1], bytes: () => new Uint8Array(4) },
  ];
  writeSafetensors(path, tensors as Parameters<typeof writeSafetensors>[1], {});
  return readHeader(path);
}

Deno.test("readTensor() reads float32, float16 and bfloat16 to the same numbers", () =>
  withFolder((folder) =>
    withoutLeaks(() => {
      const stored = store(folder);
      for (const name of ["single", "half", "brain"]) {
        const tensor = readTensor(stored.get(name)!);
        assertEquals(tensor.shape, [...stored.get(name)!.shape]);
        assertClose(take(tensor), [1, -2, 0.5], 0, name);
      }
      assertThrows(() => readTensor(stored.get("whole")!), TypeError, "Cannot read elements of type I32");
    })
  ));

Deno.test("differences() says of each tensor what is wrong with it, and nothing of those that fit", () =>
  withFolder((folder) => {
    const stored = store(folder);
    const fitting = new Map<string, number[]>([["single", [3]], ["half", [3]], ["brain", [3, 1]]]);
    assertEquals(differences(new Map([...stored].filter(([name]) => name !== "whole")), fitting), []);
    assertEquals(
      differences(stored, new Map([["single", [1, 3]], ["whole", [1]], ["brain", [3, 1]], ["gone\n", [2]], ["bias", [1]]]), (name) =>
        name === "bias"),
      [
        '"single" has shape [3], wanted [1,3]',
        '"whole" is I32, wanted F32, F16 or BF16',
        '"gone\\n" is missing',
        '"half" is not known',
      ],
    );
  }));

Deno.test("listed() shows the first few and counts the others", () => {
  assertEquals(listed(["a", "b"], 2), "a; b");
  assertEquals(listed(["a", "b", "c", "d"], 2), "a; b; and 2 more");
});
