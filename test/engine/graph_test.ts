import { Binding } from "../../lib/engine/binding.ts";
import { DType, openTensorFlow } from "../../lib/engine/capi.ts";
import { AttrKind, bigints, isFloat, isList, type Symbolic, Trace } from "../../lib/engine/graph.ts";
import { openBackend } from "../../lib/engine/mod.ts";
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { assertEquals, assertThrows, UserError } from "../support.ts";

const { name } = await openBackend();
const graphs = { ignore: name !== "tensorflow" };
const api = name === "tensorflow" ? openTensorFlow(libtensorflowFolder(), new Uint8Array()) : undefined; // once: it stays open
const FLOAT = { name: "T", type: AttrKind.TYPE, value: DType.FLOAT };
const product = (a: Symbolic, b: Symbolic, trace: Trace) => trace.operation("MatMul", [FLOAT], [a, b], 1)[0]!;

Deno.test("Trace knows the shape and type of what every operation gives", graphs, () => {
  const trace = new Trace(api!);
  const [a, b] = [trace.placeholder(DType.FLOAT, [2, 3]), trace.placeholder(DType.FLOAT, [3, 5])];
  const { shape, dtype } = product(a, b, trace);
  assertEquals([shape, dtype], [[2, 5], DType.FLOAT]);
  trace.dispose();
});

Deno.test("Trace refuses an operation whose inputs do not fit, and one whose shape depends on values", graphs, () => {
  const trace = new Trace(api!);
  const [a, b] = [trace.placeholder(DType.FLOAT, [2, 3]), trace.placeholder(DType.FLOAT, [4, 5])];
  assertThrows(() => product(a, b, trace), Error, "adding MatMul to a graph");
  const where = () => trace.operation("Where", [FLOAT], [a], 1);
  assertThrows(where, UserError, "every size must be known");
  trace.dispose();
});

Deno.test("a finished graph is a function: called eagerly, and from another graph", graphs, () => {
  const binding = new Binding(api!);
  const inner = new Trace(api!);
  const x = inner.placeholder(DType.FLOAT, [2, 2]);
  const fn = inner.finish([x], [product(x, x, inner), x], false);
  assertEquals(fn.results.map(({ shape }) => shape), [[2, 2], [2, 2]]);
  const outer = new Trace(api!);
  const y = outer.placeholder(DType.FLOAT, [2, 2]);
  const [square] = outer.call(fn, [y]);
  const twice = outer.finish([y], [outer.call(fn, [square!])[0]!], false);
  const id = binding.createTensor([2, 2], DType.FLOAT, [1, 1, 0, 1]);
  const values = (traced: typeof fn) => binding.call({ fn: traced, captured: [] }, [id]).map((out) => [...binding.tensorDataSync(out.id)]);
  assertEquals(values(fn), [[1, 2, 0, 1], [1, 1, 0, 1]]);
  assertEquals(values(twice), [[1, 4, 0, 1]]);
});

Deno.test("bigints(), isList() and isFloat() tell C what JavaScript means", () => {
  assertEquals([...bigints([2, -1])], [2n, -1n]);
  assertEquals(bigints([]).length, 1); // an empty array would have no address
  assertEquals([[1], new Int32Array(1), 1, "1"].map(isList), [true, true, false, false]);
  assertEquals([DType.FLOAT, DType.BFLOAT16, DType.INT32].map(isFloat), [true, true, false]);
});
