/**
 * What tests of conversions share: the recorded checkpoint in Meta's layout, archives and pickles made by hand, tasks as processes.
 *
 * @module
 */
const META = new URL("../parity/reference/meta", import.meta.url).pathname;
const ROOT = new URL("../..", import.meta.url).pathname;

/** Unpacks the recorded checkpoint in Meta's layout: a 7B in one part, a 30B in two. */
export async function unpackMeta(to: string): Promise<void> {
  const unpack = async (folder: string): Promise<void> => {
    for (const { name, isDirectory } of Deno.readDirSync(`${META}/${folder}`)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await unpack(path);
      if (!name.endsWith(".gz")) continue;
      const bytes = new Blob([Deno.readFileSync(`${META}/${path}`)]).stream().pipeThrough(new DecompressionStream("gzip"));
      Deno.mkdirSync(`${to}/${folder}`, { recursive: true });
      await Deno.writeFile(`${to}/${path.slice(0, -".gz".length)}`, bytes);
    }
  };
  await unpack(".");
}

/** Runs a task in a process of its own. */
export async function runTask(task: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", task, ...args], // with the permissions that deno.json gives it
    ...{ cwd: ROOT, env: { NO_COLOR: "1" } },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** A file for {@linkcode zipOf}. */
export interface ZipFile {
  /** Its name. */
  readonly name: string;
  /** Its bytes as they are stored. */
  readonly bytes: Uint8Array;
  /** The size that the table claims instead. */
  readonly claimed?: number;
  /** How it says it is compressed; 0: not. */
  readonly method?: number;
}

/** A ZIP archive, sound but for what its files say otherwise. */
export function zipOf(files: readonly ZipFile[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const table: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes, claimed = bytes.length, method = 0 } of files) {
    const encoded = new TextEncoder().encode(name);
    const common = [...u16(0), ...u16(method), ...u32(0), ...u32(0), ...u32(claimed), ...u32(claimed), ...u16(encoded.length), ...u16(0)];
    const local = Uint8Array.from([...u32(0x04034b50), ...u16(20), ...common, ...encoded]);
    table.push(
      Uint8Array.from([
        ...u32(0x02014b50),
        ...u16(20),
        ...u16(20),
        ...common,
        ...u16(0),
        ...u16(0),
        ...u16(0),
        ...u32(0),
        ...u32(at),
        ...encoded,
      ]),
    );
    parts.push(local, bytes);
    at += local.length + bytes.length;
  }
  const size = table.reduce((sum, { length }) => sum + length, 0);
  const end = [...u32(0x06054b50), ...u32(0), ...u16(files.length), ...u16(files.length), ...u32(size), ...u32(at), ...u16(0)];
  return joined([...parts, ...table, Uint8Array.from(end)]);
}

/** Bytes and texts one after the other, numbers as single bytes: pickles are written with it. */
export function bytesOf(...parts: readonly (string | number | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return joined(
    parts.map((part) => typeof part === "string" ? new TextEncoder().encode(part) : typeof part === "number" ? Uint8Array.of(part) : part),
  );
}

/** A text as a pickle holds it. */
export function pickledText(text: string): Uint8Array<ArrayBuffer> {
  const encoded = new TextEncoder().encode(text);
  return bytesOf("X", Uint8Array.from(u32(encoded.length)), encoded);
}

/** A checkpoint of a pickle and storages by key. */
export function torchFile(pickle: Uint8Array, storages: Readonly<Record<string, Uint8Array>> = {}): Uint8Array<ArrayBuffer> {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `archive/data/${key}`, bytes }));
  return zipOf([{ name: "archive/data.pkl", bytes: pickle }, ...data, { name: "archive/version", bytes: bytesOf("3\n") }]);
}

/** What a tensor of a hand-made checkpoint claims. */
export interface Claim {
  /** Elements of its storage. */
  readonly elements?: number;
  /** Its first element. */
  readonly offset?: number;
  /** Its shape. */
  readonly shape?: readonly number[];
  /** Its strides. */
  readonly strides?: readonly number[];
}

/** The pickle of `{"w": tensor}` of 2 × 3 floats in storage 0, unless it claims otherwise. */
export function tensorPickle({ elements = 6, offset = 0, shape = [2, 3], strides = [3, 1] }: Claim): Uint8Array<ArrayBuffer> {
  const int = (value: number) => bytesOf("J", Uint8Array.from(u32(value)));
  const tuple = (values: readonly number[]) => bytesOf("(", ...values.map(int), "t");
  const storage = bytesOf("(", pickledText("storage"), "ctorch\nFloatStorage\n", pickledText("0"), pickledText("cpu"), int(elements), "tQ");
  const tensor = bytesOf(
    "ctorch._utils\n_rebuild_tensor_v2\n(",
    storage,
    int(offset),
    tuple(shape),
    tuple(strides),
    0x89,
    "ccollections\nOrderedDict\n)RtR",
  );
  return bytesOf(0x80, 2, "}", pickledText("w"), tensor, "s.");
}

/** A number as two bytes, little-endian. */
export function u16(value: number): number[] {
  return [value & 255, (value >> 8) & 255];
}

/** A number as four bytes, little-endian, in two's complement. */
export function u32(value: number): number[] {
  return [...u16(value), ...u16(value >> 16)];
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
