import { BYTES, cstring, DType, failureOf, openTensorFlow } from "../../lib/engine/capi.ts";
import { openBackend } from "../../lib/engine/mod.ts";
import { libtensorflowFolder, TENSORFLOW_VERSION } from "../../lib/engine/install.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const { name } = await openBackend();
const bound = { ignore: name !== "tensorflow" };
const api = name === "tensorflow" ? openTensorFlow(libtensorflowFolder(), new Uint8Array()) : undefined; // once: it stays open

Deno.test("openTensorFlow() opens the release that we are built against, and finds the CPU", bound, () => {
  if (!Deno.env.get("LIBTENSORFLOW_DIR")) assertEquals(api!.version, TENSORFLOW_VERSION);
  assert(api!.devices.includes("CPU"), `${api!.devices}`);
});

Deno.test("openTensorFlow() throws when the libraries are not there, and gives the terminal back", () =>
  withFolder((folder) => {
    assertThrows(() => openTensorFlow(folder, new Uint8Array()), Error);
    Deno.stderr.writeSync(new Uint8Array()); // fails on a closed file
  }));

Deno.test("check() throws TensorFlow's own words after a call that failed, and nothing after one that did not", bound, () => {
  const { c, context, status, check } = api!;
  const op = c.TFE_NewOp(context, cstring("AddV2"), status);
  check("finding AddV2");
  c.TFE_DeleteOp(op);
  c.TFE_NewOp(context, cstring("NoSuchOp"), status);
  assertThrows(() => check("finding an operation"), Error, "TensorFlow failed at finding an operation: ");
});

Deno.test("failureOf() says what to do where a compiled function cannot be written", () => {
  const words = "/home/a/.cache/worldstrap/compiled/0f/xla_compile_cache__1__2__XLA_CPU_JIT.pbhost-1-2.tmp; No space left on device"; // as TensorFlow says it
  const full = failureOf("running worldstrap_1", words);
  assert(full instanceof UserError);
  assertEquals(
    full.message,
    'Cannot keep compiled functions in "/home/a/.cache/worldstrap/compiled/0f": No space left on device; ' +
      "free space there, or let XDG_CACHE_HOME name another folder",
  );
  const within = `{{function_node worldstrap_b8}} ${words}\n\t [[{{node n742}}]]\nHint: If you want to see a list of allocated tensors`;
  assertEquals(failureOf("running worldstrap_b8", within).message, full.message); // in a function that another one calls
  assertEquals(failureOf("running Add", "No space; ").message, "TensorFlow failed at running Add: No space; ");
});

Deno.test("a tensor that C allocates has the bytes that BYTES says, for every type", bound, () => {
  const { c } = api!;
  for (const type of Object.keys(BYTES).map(Number)) {
    const tensor = c.TF_AllocateTensor(type, BigInt64Array.of(3n, 5n), 2, BigInt(15 * BYTES[type]!));
    assertEquals([c.TF_TensorType(tensor), c.TF_TensorByteSize(tensor)], [type, BigInt(15 * BYTES[type]!)]);
    c.TF_DeleteTensor(tensor);
  }
  assertEquals(BYTES[DType.STRING], undefined); // has no fixed size
});

Deno.test("cstring() ends in NUL, and encodes a name once", () => {
  assertEquals([...cstring("Aü")], [0x41, 0xc3, 0xbc, 0]);
  assert(cstring("again") === cstring("again"));
});
