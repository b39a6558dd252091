import { Binding } from "../../lib/engine/binding.ts";
import { DType, openTensorFlow } from "../../lib/engine/capi.ts";
import { AttrKind, type OpAttr } from "../../lib/engine/graph.ts";
import { openBackend } from "../../lib/engine/mod.ts";
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { assertEquals, assertThrows } from "../support.ts";

const { name } = await openBackend();
const bound = { ignore: name !== "tensorflow" };
const api = name === "tensorflow" ? openTensorFlow(libtensorflowFolder(), new Uint8Array()) : undefined; // once: it stays open
const open = () => new Binding(api!);
const FLOAT: OpAttr = { name: "T", type: AttrKind.TYPE, value: DType.FLOAT };
const add = (binding: Binding, a: number, b: number) => binding.executeOp("AddV2", [FLOAT], [a, b], 1)[0]!;

Deno.test("createTensor() and tensorDataSync() keep values of every type, and tensors of no elements", bound, () => {
  const binding = open();
  const kept = (dtype: number, values: number[]) => [...binding.tensorDataSync(binding.createTensor([values.length], dtype, values))];
  assertEquals(kept(DType.FLOAT, [1.5, -2]), [1.5, -2]);
  assertEquals(kept(DType.INT32, [7, -7]), [7, -7]);
  assertEquals(kept(DType.BOOL, [1, 0, 3]), [1, 0, 1]);
  assertEquals(kept(DType.FLOAT, []), []);
  assertEquals(binding.getNumOfTensors(), 4);
});

Deno.test("executeOp() gives shapes and values, and says what fails", bound, () => {
  const binding = open();
  const [a, b] = [binding.createTensor([2, 1], DType.FLOAT, [1, 2]), binding.createTensor([2], DType.FLOAT, [10, 20])];
  const sum = add(binding, a, b);
  assertEquals([sum.shape, [...binding.tensorDataSync(sum.id)]], [[2, 2], [11, 21, 12, 22]]);
  const odd = binding.createTensor([3], DType.FLOAT, [1, 2, 3]);
  assertThrows(() => add(binding, sum.id, odd), Error, "TensorFlow failed at running AddV2");
  assertThrows(() => binding.executeOp("NoSuchOp", [], [], 1), Error, "finding the operation NoSuchOp");
});

Deno.test("bfloat16 shows as FLOAT, stays bfloat16 among its own, and widens beside float32", bound, () => {
  const binding = open();
  const wide = binding.createTensor([2], DType.FLOAT, [1, 3.14159]);
  const narrow = binding.cast(wide, DType.BFLOAT16);
  assertEquals([narrow.dtype, binding.elementType(narrow.id)], [DType.FLOAT, DType.BFLOAT16]);
  assertEquals([...binding.tensorDataSync(narrow.id)], [1, 3.140625]);
  assertEquals(binding.tensorBytes(narrow.id).length, 4);
  assertEquals(binding.elementType(add(binding, narrow.id, narrow.id).id), DType.BFLOAT16);
  const before = binding.getNumOfTensors();
  assertEquals(binding.elementType(add(binding, narrow.id, wide).id), DType.FLOAT);
  assertEquals(binding.getNumOfTensors(), before + 1); // what was widened on the way is freed
});

Deno.test("deleteTensor() frees a tensor once; using it afterwards is refused", bound, () => {
  const binding = open();
  const id = binding.createTensor([1], DType.FLOAT, [1]);
  binding.deleteTensor(id);
  binding.deleteTensor(id);
  assertEquals(binding.getNumOfTensors(), 0);
  assertThrows(() => binding.tensorDataSync(id), ReferenceError, `Cannot use tensor ${id} as it was disposed`);
});

Deno.test("trace() runs nothing, captures what is outside, and refuses values inside and symbols outside", bound, () => {
  const binding = open();
  const outside = binding.createTensor([100], DType.FLOAT, new Float32Array(100).fill(5));
  const shape = [100];
  let symbol = 0;
  const traced = binding.trace([{ dtype: DType.FLOAT, shape }], ([x]) => {
    assertEquals(binding.isTracing(), true);
    assertThrows(() => binding.tensorDataSync(x!), TypeError, "Cannot read a tensor's values inside compile()");
    symbol = x!;
    return [add(binding, x!, outside).id];
  }, false);
  assertEquals([binding.isTracing(), traced.captured.length], [false, 1]);
  assertThrows(() => binding.tensorDataSync(symbol), ReferenceError);
  binding.deleteTensor(outside); // the function holds on to its own handle
  const [result] = binding.call(traced, [binding.createTensor(shape, DType.FLOAT, new Float32Array(100).fill(2))]);
  assertEquals(binding.tensorDataSync(result!.id)[99], 7);
});

Deno.test("trace() frees what it captured when its body throws", bound, () => {
  const binding = open();
  const outside = binding.createTensor([100], DType.FLOAT, new Float32Array(100));
  assertThrows(
    () =>
      binding.trace([{ dtype: DType.FLOAT, shape: [100] }], ([x]) => {
        add(binding, x!, outside);
        throw new RangeError("stopped");
      }, false),
    RangeError,
    "stopped",
  );
  assertEquals([binding.isTracing(), binding.getNumOfTensors()], [false, 1]);
});
