import { readHeader, readInto, readModelHeaders, writeSafetensors } from "../../lib/model/safetensors.ts";
import { randomInt, randomStream } from "../../lib/engine/random.ts";
import { saidOfEach } from "../faults/failing_files.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

function file(header: unknown, dataBytes: number, length?: bigint): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const tensor = (begin: number, end: number, shape = [(end - begin) / 4], dtype = "F32") => ({ dtype, shape, data_offsets: [begin, end] });

const BAD: readonly (readonly [name: string, bytes: Uint8Array<ArrayBuffer>, message: string])[] = [
  ["of 3 bytes", new Uint8Array(3), "it has 3 bytes"],
  ["with a huge header", file("{}", 0, 1n << 60n), "100000000 are allowed"],
  ["with a header longer than itself", file("{}", 0, 50n), "the file has 2"],
  ["whose header is not JSON", file("{nope", 0), "not JSON"],
  ["whose header is a list", file([1], 0), "not a JSON object"],
  ["with an unknown type", file({ a: tensor(0, 4, [1], "F12") }, 4), '"F12"'],
  ["with __proto__ as type", file({ a: tensor(0, 4, [1], "__proto__") }, 4), '"__proto__"'],
  ["with a negative size", file({ a: tensor(0, 4, [-1]) }, 4), "no valid shape"],
  ["with offsets out of range", file({ a: tensor(0, 400) }, 4), "its tensors end at byte"],
  ["with offsets that do not fit the shape", file({ a: tensor(0, 8, [1]) }, 8), "takes 4 bytes, its offsets span 8"],
  ["with overlapping tensors", file({ a: tensor(0, 8), b: tensor(4, 8) }, 8), "the tensor before it ends at"],
  ["with a hole", file({ a: tensor(0, 4), b: tensor(8, 12) }, 12), "the tensor before it ends at"],
  ["with bytes at the end", file({ a: tensor(0, 4) }, 12), "the file at"],
  [
    "with the same name twice",
    file(`{"a":${JSON.stringify(tensor(0, 4))},"a":${JSON.stringify(tensor(4, 8))}}`, 8),
    'has the key "a" twice',
  ],
  ["with a field twice", file('{"a":{"dtype":"F32","shape":[1],"dtype":"F32","data_offsets":[0,4]}}', 4), 'has the key "dtype" twice'],
  ["with an escaped name twice", file(`{"a":${JSON.stringify(tensor(0, 4))},"\\u0061" : ${JSON.stringify(tensor(4, 8))}}`, 8), "twice"],
  ["with a product that overflows", file({ a: tensor(0, 4, [2 ** 40, 2 ** 40]) }, 4), "takes"],
];

for (const [name, bytes, message] of BAD) {
  Deno.test(`readHeader() refuses a file ${name}`, () =>
    withFolder((folder) => {
      Deno.writeFileSync(`${folder}/x.safetensors`, bytes);
      const error = assertThrows(() => readHeader(`${folder}/x.safetensors`), UserError, message);
      assert(error.message.startsWith(`Cannot read ${folder}/x.safetensors as safetensors: `));
    }));
}

Deno.test("readHeader() and readInto() read what writeSafetensors() wrote", () =>
  withFolder((folder) => {
    const values = Float32Array.from([1, 2, 3, 4, 5, 6]);
    const bytes = () => new Uint8Array(values.buffer);
    writeSafetensors(`${folder}/a.safetensors`, [{ name: "w", dtype: "F32", shape: [2, 3], bytes }]);
    const stored = readHeader(`${folder}/a.safetensors`).get("w")!;
    const read = new Uint8Array(stored.size);
    readInto(stored, read);
    assertEquals([stored.shape, new Float32Array(read.buffer)], [[2, 3], values]);
  }));

Deno.test("readModelHeaders() refuses shards outside the folder", () =>
  withFolder((folder) => {
    for (const shard of ["../x.safetensors", "/etc/passwd", "a/b.safetensors", 7]) {
      Deno.writeTextFileSync(`${folder}/model.safetensors.index.json`, JSON.stringify({ weight_map: { w: shard } }));
      assertThrows(() => readModelHeaders(folder), UserError, "a shard must be a file beside it");
    }
  }));

Deno.test("readHeader() reads or refuses 2,000 mutated files, and allocates for none of them", () =>
  withFolder((folder) => {
    const sound = file({ a: tensor(0, 16, [2, 2]), b: tensor(16, 24) }, 24);
    const random = randomStream("mutate");
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const bytes = sound.slice(0, random() < 0.3 ? randomInt(random, sound.length) : sound.length);
      for (let n = randomInt(random, 4); n >= 0 && bytes.length > 0; n--) bytes[randomInt(random, bytes.length)] = randomInt(random, 256);
      Deno.writeFileSync(`${folder}/m.safetensors`, bytes);
      try {
        for (const stored of readHeader(`${folder}/m.safetensors`).values()) readInto(stored, new Uint8Array(stored.size));
      } catch (error) {
        assert(error instanceof UserError && error.message.startsWith("Cannot read"), String(error));
        refused++;
      }
    }
    assert(refused > 500, `only ${refused} were refused`);
  }));

Deno.test("readHeader() opens neither pipes nor devices nor folders, and cuts and escapes what it quotes", () =>
  withFolder(async (folder) => {
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    for (const path of [`${folder}/pipe`, "/dev/zero", folder]) {
      assertThrows(() => readHeader(path), UserError, `Cannot read ${path} as it is`);
    }
    Deno.writeFileSync(`${folder}/long.safetensors`, file({ [`\u001b[2J${"x".repeat(1e6)}`]: tensor(0, 4, [9]) }, 4));
    const { message } = assertThrows(() => readHeader(`${folder}/long.safetensors`), UserError);
    assert(message.length < 500 && message.includes("\\u001b[2Jxxx") && !message.includes("\u001b"), message.slice(0, 300));
  }));

Deno.test("readHeader() calls no file broken that the disk cannot read", () =>
  withFolder((folder) => {
    Deno.writeFileSync(`${folder}/a.safetensors`, file({ a: tensor(0, 4) }, 4));
    const said = saidOfEach(folder, () => readHeader(`${folder}/a.safetensors`));
    assert(said.length > 3 && said.every((one) => one.includes("os error 5")), `${said}`);
  }));
