import { openOnnx } from "../../lib/metrics/onnx.ts";
import { assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

/** A field of a protocol buffer: a number, or bytes. */
function field(number: number, value: number | readonly number[] | string): number[] {
  if (typeof value === "number") return [number << 3, value];
  const bytes = typeof value === "string" ? [...new TextEncoder().encode(value)] : value;
  return [number << 3 | 2, bytes.length, ...bytes];
}

/** A model of one operation, by ONNX's onnx.proto: out = a + b, vectors of 2 float32. */
function additionModel(): Uint8Array {
  const type = field(1, [...field(1, 1), ...field(2, field(1, field(1, 2)))]); // a tensor of FLOAT, [2]
  const value = (name: string) => [...field(1, name), ...field(2, type)];
  const node = [...field(1, "a"), ...field(1, "b"), ...field(2, "out"), ...field(4, "Add")];
  const graph = [...field(1, node), ...field(2, "g"), ...field(11, value("a")), ...field(11, value("b")), ...field(12, value("out"))];
  return Uint8Array.from([...field(1, 8), ...field(7, graph), ...field(8, field(2, 13))]); // IR version 8, opset 13
}

Deno.test("openOnnx() runs a model: inputs and outputs by name, values and shapes", () =>
  withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/onnx`);
    Deno.writeFileSync(`${folder}/onnx/model.onnx`, additionModel());
    const model = await openOnnx(folder);
    assertEquals([...model.inputs], ["a", "b"]);
    const vector = (...values: number[]) => ({ data: Float32Array.from(values), shape: [2] });
    const { out } = await model.run({ a: vector(1, 2), b: vector(10, 0.5) });
    assertEquals([[...out!.data as Float32Array], [...out!.shape]], [[11, 2.5], [2]]);
    await model.close();
  }));

Deno.test("openOnnx() names the file that is missing, or no model, in our own words", () =>
  withFolder(async (folder) => {
    await assertRejects(() => openOnnx(folder, "text.onnx"), UserError, `Cannot find ${folder}/text.onnx: export the model to ONNX`);
    Deno.writeFileSync(`${folder}/text.onnx`, additionModel().slice(0, 20));
    await assertRejects(() => openOnnx(folder, "text.onnx"), UserError, `Cannot read ${folder}/text.onnx as an ONNX model`);
  }));
