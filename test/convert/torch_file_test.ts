/** PyTorch checkpoints that are broken or hostile: read without running anything, refused in a sentence, in little memory. */
import { readTorchFile } from "../../lib/convert/torch_file.ts";
import { randomStream } from "../../lib/engine/random.ts";
import { exists } from "../../lib/files.ts";
import { readInto } from "../../lib/model/safetensors.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";
import { bytesOf, type Claim, pickledText, runTask, tensorPickle, torchFile, u16, u32, unpackMeta, zipOf } from "./support.ts";

const DATA = new Uint8Array(Float32Array.from([1, 2, 3, 4, 5, 6]).buffer);

/** The message with which a file is refused. */
function refusal(path: string, bytes: Uint8Array): string {
  Deno.writeFileSync(path, bytes);
  const { message } = assertThrows(() => readTorchFile(path), UserError) as Error;
  assert(!message.includes("\u001b") && !/\n/.test(message) && message.length < 1000, message);
  return message;
}

Deno.test("readTorchFile() finds a tensor's place, and a Lightning checkpoint's state_dict", () =>
  withFolder((folder) => {
    const path = `${folder}/a.pth`;
    Deno.writeFileSync(path, torchFile(tensorPickle({ offset: 3, shape: [1, 3], strides: [99, 1] }), { 0: DATA }));
    const { dtype, shape, ...place } = readTorchFile(path).get("w")!;
    const memory = new Uint8Array(12);
    readInto({ dtype, shape, ...place }, memory);
    assertEquals([dtype, shape, [...new Float32Array(memory.buffer)]], ["F32", [1, 3], [4, 5, 6]]);
    const inner = tensorPickle({}).subarray(2, -1);
    const lightning = bytesOf(0x80, 2, "}", pickledText("epoch"), "K", 3, "s", pickledText("state_dict"), inner, "s.");
    Deno.writeFileSync(path, torchFile(lightning, { 0: DATA }));
    assertEquals([...readTorchFile(path).keys()], ["w"]);
  }));

Deno.test("a pickle with code in it is refused by the name that it asks for, whatever way it asks", () =>
  withFolder((folder) => {
    const witness = `${folder}/witness`;
    const command = pickledText(`touch ${witness}`);
    const reduce = (name: string) => bytesOf(0x80, 2, `c${name}\n`, "(", command, "tR.");
    const cases: readonly (readonly [pickle: Uint8Array, said: string])[] = [
      [reduce("os\nsystem"), '"os.system"'],
      [reduce("posix\nsystem"), '"posix.system"'],
      [reduce("builtins\neval"), '"builtins.eval"'],
      [reduce("torch\nload"), '"torch.load"'],
      [reduce("torch.storage\n_load_from_bytes"), '"torch.storage._load_from_bytes"'],
      [reduce("torch._utils\n_rebuild_tensor_v2.__globals__"), '"torch._utils._rebuild_tensor_v2.__globals__"'],
      [bytesOf(0x80, 4, 0x8c, 2, "os", 0x8c, 6, "system", 0x93, command, 0x85, "R."), '"os.system"'], // STACK_GLOBAL
      [bytesOf(0x80, 2, "cposix\nsystem\n", command, 0x85, 0x81, "."), '"posix.system"'], // NEWOBJ comes too late
      [bytesOf(0x80, 2, "ccollections\nOrderedDict\n)R(", command, "tb."), "sets the state of what is no OrderedDict"], // __setstate__
      [bytesOf(0x80, 2, "}", pickledText("__setstate__"), command, "s)b."), "sets the state"],
      [bytesOf(0x80, 2, "(ios\nsystem\n", command, "o."), "instruction 0x69"], // INST
      [bytesOf(0x80, 2, "ccollections\nOrderedDict\n", command, "R."), "calls a function without arguments"],
      [bytesOf(0x80, 2, "ctorch\nFloatStorage\n)R."), 'calls "torch.FloatStorage"'],
      [bytesOf(0x80, 2, command, ")R."), "calls what is no function"],
      [bytesOf(0x80, 2, "c\u001b[2Jevil\nx\n."), '"\\u001b[2Jevil.x"'],
      [bytesOf(0x80, 2, `c${"x".repeat(5000)}\n.`), "a name without an end"],
    ];
    for (const [pickle, said] of cases) {
      const message = refusal(`${folder}/a.pth`, torchFile(pickle));
      assert(message.includes(said), `${message}, wanted ${said}`);
    }
    assert(!exists(witness), "something was run");
  }));

Deno.test("bombs end early: memos, marks, steps, and nests a million deep", () =>
  withFolder((folder) => {
    const path = `${folder}/a.pth`;
    const many = (part: Uint8Array, count: number) => Uint8Array.from({ length: count * part.length }, (_, i) => part[i % part.length]!);
    const cases: readonly (readonly [pickle: Uint8Array, said: string])[] = [
      [bytesOf(0x80, 2, "j", 255, 255, 255, 255, "."), "recalls value 4294967295"],
      [bytesOf(0x80, 2, "]q", 0, many(bytesOf("h", 0, "h", 0, 0x86, "q", 0), 100_000), "."), "leaves 100001 values"], // doubles 100,000 times
      [bytesOf(0x80, 2, many(bytesOf("("), 1_000_000), "."), "nested more than 1000 deep"],
      [bytesOf(0x80, 2, ")", many(bytesOf(0x85), 1_000_000), "."), "it holds no tensors by name"],
      [bytesOf(0x80, 2, many(bytesOf("]"), 1_000_000), many(bytesOf("a"), 999_999), "."), "it holds no tensors by name"],
      [bytesOf(0x80, 2, many(bytesOf("N0"), 2_000_000), "."), "more than 2097152 instructions"],
      [bytesOf(0x80, 2, "X", 255, 255, 255, 255, "abc."), "in the middle of an instruction"],
      [bytesOf(0x80, 2, 0x8a, 255, "."), "a whole number of 255 bytes"],
      [bytesOf(0x80, 2, "0."), "takes a value that is not there"],
      [bytesOf(0x80, 2, "}(00."), "takes a value that is not there"], // below the mark
      [bytesOf(0x80, 2, "t."), "ends a sequence that did not begin"],
      [bytesOf(0x80, 2), "in the middle of an instruction"],
    ];
    for (const [pickle, said] of cases) {
      const message = refusal(path, torchFile(pickle));
      assert(message.includes(said), `${message}, wanted ${said}`);
    }
    Deno.writeFileSync(path, torchFile(bytesOf(0x80, 2, "}r", 255, 255, 255, 255, "."))); // place 4,294,967,295, were the memo a list
    assertEquals(readTorchFile(path).size, 0);
  }));

Deno.test("a tensor that does not fit its storage, or a storage its entry, is refused", () =>
  withFolder((folder) => {
    const cases: readonly (readonly [claim: Claim, said: RegExp])[] = [
      [{ elements: 7 }, /storage "0" claims 7 elements of 4 bytes, the archive has 24 bytes/],
      [{ elements: 2 ** 31 - 1 }, /claims 2147483647 elements/],
      [{ elements: -6 }, /no tensor's storage/],
      [{ offset: 1 }, /"w" of shape \[2,3\] ends at element 7 of storage "0", which has 6/],
      [{ offset: -1 }, /that are no counts/],
      [{ shape: [2, 4] }, /ends at element 7/],
      [{ shape: [-2, 3] }, /that are no counts/],
      [{ shape: [2 ** 31 - 1, 2 ** 31 - 1] }, /ends at element/],
      [{ shape: [2 ** 31 - 1, 2 ** 31 - 1, 2 ** 31 - 1], strides: [0, 0, 0] }, /strides \[0,0,0\]: only tensors that lie row by row/],
      [{ strides: [-3, 1] }, /that are no counts/],
      [{ strides: [3] }, /that are no counts/],
      [{ strides: [1, 2] }, /has strides \[1,2\]: only tensors that lie row by row/],
      [{ strides: [2 ** 31 - 1, 1] }, /ends at element/],
      [{ shape: Array(17).fill(1), strides: Array(17).fill(1) }, /has 17 dimensions/],
    ];
    for (const [claim, said] of cases) {
      const message = refusal(`${folder}/a.pth`, torchFile(tensorPickle(claim), { 0: DATA }));
      assert(said.test(message), message);
    }
    const none = refusal(`${folder}/a.pth`, torchFile(tensorPickle({}), {}));
    assert(none.includes('lies in storage "0", which the archive does not have'), none);
  }));

Deno.test("an archive that is compressed, doubled, encrypted, or lies about sizes and places is refused", () =>
  withFolder((folder) => {
    const path = `${folder}/a.pth`;
    const pickle = { name: "archive/data.pkl", bytes: tensorPickle({}) };
    const data = { name: "archive/data/0", bytes: DATA };
    const sound = zipOf([pickle, data]);
    Deno.writeFileSync(path, sound);
    assertEquals(readTorchFile(path).size, 1);
    const edited = (from: number, bytes: readonly number[]) => {
      const copy = sound.slice();
      copy.set(bytes, from < 0 ? copy.length + from : from);
      return copy;
    };
    const table = new DataView(sound.buffer).getUint32(sound.length - 6, true);
    const cases: readonly (readonly [bytes: Uint8Array, said: RegExp])[] = [
      [zipOf([pickle, { ...data, method: 8, claimed: 2 ** 31 - 1 }]), /is compressed \(method 8\)/], // a bomb
      [zipOf([pickle, { ...data, claimed: 2 ** 31 - 1 }]), /claims 2147483647 bytes from byte/],
      [zipOf([pickle, data, data]), /holds "archive\/data\/0" twice/],
      [zipOf([data]), /has 0 files NAME\/data\.pkl/],
      [zipOf([pickle, { ...pickle, name: "b/data.pkl" }, data]), /has 2 files NAME\/data\.pkl/],
      [edited(table + 8, u16(1)), /is encrypted/],
      [edited(table + 20, u32(5)), /claims \d+ bytes and stores 5/],
      [edited(table + 42, u32(2 ** 30)), /behind the archive's entries/],
      [edited(table + 42, u32(7)), /has no header at byte 7/],
      [edited(table + 46 + pickle.name.length + 42, u32(0)), /calls itself "archive\/data\.pkl"/],
      [edited(-6, u32(sound.length)), /its table claims bytes/],
      [edited(-12, u16(60000)), /claims 60000 entries/],
      [edited(-12, u16(0xffff)), /ZIP64 locator is missing/],
      [zipOf([pickle, data, { name: "archive/byteorder", bytes: bytesOf("big") }]), /not little-endian/],
      [bytesOf(0x80, 2, 0x8a, 10), /from before version 1\.6/],
      [bytesOf("<!doctype html><html>log in</html>"), /no end record; the file is cut off, or is no archive/],
      [new Uint8Array(0), /has 0 bytes/],
    ];
    for (const [bytes, said] of cases) {
      const message = refusal(path, bytes);
      assert(said.test(message), `${message}, wanted ${said}`);
    }
  }));

Deno.test("a checkpoint cut off at any tenth byte is refused in a sentence", () =>
  withFolder(async (folder) => {
    await unpackMeta(folder);
    const whole = Deno.readFileSync(`${folder}/models/30b/consolidated.00.pth`);
    const tail = Array.from({ length: 200 }, (_, i) => whole.length - 1 - 10 * i); // where the table lies
    const head = Array.from({ length: 200 }, (_, i) => 10 * i);
    const spread = Array.from({ length: 400 }, (_, i) => 10 * Math.floor(i * whole.length / 4000));
    for (const length of [...head, ...spread, ...tail]) {
      const message = refusal(`${folder}/cut.pth`, whole.subarray(0, length));
      assert(message.startsWith(`Cannot read ${folder}/cut.pth`), message);
    }
    const small = torchFile(tensorPickle({}), { 0: DATA });
    for (let length = 0; length < small.length; length += 10) refusal(`${folder}/cut.pth`, small.subarray(0, length));
  }));

Deno.test("a checkpoint with random bytes changed is read or refused in a sentence, and nothing else", () =>
  withFolder((folder) => {
    const path = `${folder}/a.pth`;
    const whole = torchFile(tensorPickle({}), { 0: DATA });
    const random = randomStream(1, "bytes");
    let read = 0;
    for (let round = 0; round < 1000; round++) {
      const bytes = whole.slice();
      for (let i = 0; i <= round % 3; i++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      Deno.writeFileSync(path, bytes);
      try {
        for (const { begin, size } of readTorchFile(path).values()) assert(begin + size <= bytes.length);
        read++;
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }
    assert(read > 30 && read < 970, `${read} of 1000 were read`); // some bytes do not matter, some do
  }));

Deno.test("convert refuses a checkpoint with code in it, and one that is cut off: exit code 1, one sentence, nothing written", () =>
  withFolder(async (folder) => {
    await unpackMeta(`${folder}/meta`);
    const path = `${folder}/meta/models/7b/consolidated.00.pth`;
    const whole = Deno.readFileSync(path);
    const evil = bytesOf(0x80, 2, "cposix\nsystem\n(", pickledText(`touch ${folder}/witness`), "tR.");
    const cases = [[torchFile(evil), 'it asks for "posix.system"'], [whole.subarray(0, whole.length / 2), "it has no end record"]] as const;
    for (const [bytes, said] of cases) {
      Deno.writeFileSync(path, bytes);
      const { code, text } = await runTask("convert", `--from=${folder}/meta`, `--to=${folder}/out`, "--size=7b");
      assertEquals(code, 1, text);
      assert(text.includes(said) && text.trim().split("\n").length === 1 && !text.includes("    at "), text);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["meta"]);
    }
  }));
