import { keepCompiled, prune } from "../../lib/engine/compiled_cache.ts";
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { openBackend } from "../../lib/engine/mod.ts";
import { exists } from "../../lib/files.ts";
import { assert, assertEquals, denoFolder, withFolder } from "../support.ts";

const { name } = await openBackend();
const kept = { ignore: name !== "tensorflow" || Deno.build.os !== "linux" }; // elsewhere nothing is kept

const CHILD = new URL("compiled_cache_child.ts", import.meta.url).pathname;
const VALUE = await valueWithout();

Deno.test("a function that a process compiled is read by the next one, which gives the same bits", kept, () =>
  withFolder(async (cache) => {
    assertEquals(await child(cache), VALUE);
    const [file] = filesIn(cache);
    const before = Deno.statSync(file!);
    assertEquals(await child(cache), VALUE);
    assertEquals(filesIn(cache), [file!]);
    assertEquals(Deno.statSync(file!).mtime, before.mtime); // not written again
  }));

Deno.test("a function is found whatever was traced before it", kept, () =>
  withFolder(async (cache) => {
    assertEquals([await child(cache), await child(cache, "7"), await child(cache, "9")], [VALUE, VALUE, VALUE]);
    assertEquals(filesIn(cache).length, 3);
  }));

const DAMAGES: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  "was cut short": (bytes) => bytes.subarray(0, bytes.length >> 1),
  "is empty": () => new Uint8Array(),
  "changed in one bit": (bytes) => bytes.map((byte, i) => i === bytes.length - 2000 ? byte ^ 1 : byte),
  "was never sealed": (bytes) => bytes.subarray(0, bytes.length - 5),
};

Deno.test(`a file that ${Object.keys(DAMAGES).join(", ")} is compiled anew`, kept, () =>
  withFolder(async (cache) => {
    await child(cache);
    const [file] = filesIn(cache);
    const sound = Deno.readFileSync(file!);
    for (const damage of Object.values(DAMAGES)) {
      Deno.writeFileSync(file!, damage(sound));
      assertEquals(await child(cache), VALUE);
      assertEquals(Deno.readFileSync(file!).length, sound.length);
    }
  }));

Deno.test("processes that compile the same at once give the same bits, and leave whole files", kept, () =>
  withFolder(async (cache) => {
    assertEquals(await Promise.all([1, 2, 3].map(() => child(cache))), [VALUE, VALUE, VALUE]);
    const [file] = filesIn(cache);
    const { mtime } = Deno.statSync(file!);
    assertEquals(await child(cache), VALUE);
    assertEquals(Deno.statSync(file!).mtime, mtime);
  }));

Deno.test("a file that another process removes before it is read is passed over", kept, () =>
  withOpen((open) => {
    const read = Deno.readFileSync;
    try {
      const folder = open();
      Deno.writeTextFileSync(`${folder}/xla_compile_cache_1.pb`, "");
      let raced = "";
      Deno.readFileSync = (path) => {
        raced = `${path}`;
        Deno.removeSync(path); // as a process that starts at the same moment does, where there is too much or a file is not sealed yet
        return read(path);
      };
      assertEquals([open(), raced], [folder, `${folder}/xla_compile_cache_1.pb`]);
    } finally {
      Deno.readFileSync = read;
    }
  }));

Deno.test("a file that was there at the last look is not read again before the machine starts anew", kept, () =>
  withOpen((open) => {
    const folder = open();
    const file = `${folder}/xla_compile_cache_1.pb`;
    const writeAt = (seconds: number) => {
      Deno.writeTextFileSync(file, "no checksum");
      Deno.utimeSync(file, seconds, seconds);
    };
    writeAt(Date.now() / 1000 - 60);
    open();
    assert(exists(file), "it was read again");
    writeAt(Date.now() / 1000);
    open();
    assert(!exists(file), "it was written after the last look");
    writeAt(Date.now() / 1000 - 60);
    Deno.writeTextFileSync(`${folder}/checked`, "an earlier start");
    open();
    assert(!exists(file), "the disk may have lost it with the last start");
  }));

Deno.test(
  "a folder that cannot be made, and a cache that TF_XLA_FLAGS names already, leave TensorFlow as it is",
  kept,
  () =>
    withFolder(async (cache) => {
      Deno.writeTextFileSync(`${cache}/file`, "");
      assertEquals(await child(`${cache}/file`), VALUE);
      const flags = `--tf_xla_persistent_cache_directory=${cache}/own --tf_xla_persistent_cache_device_types=CPU`;
      assertEquals(await child(`${cache}/other`, "", { TF_XLA_FLAGS: flags }), VALUE);
      assertEquals([[...Deno.readDirSync(`${cache}/own`)].length, filesIn(`${cache}/other`).length], [1, 0]);
    }),
);

Deno.test(
  "keepCompiled() names the folder by compiler flags too, and passes over flags that a parent process was given by it",
  kept,
  () =>
    withFolder((root) => {
      const folderWith = (flags: string, xla: string) => {
        Deno.env.set("TF_XLA_FLAGS", flags);
        Deno.env.set("XLA_FLAGS", xla);
        return keepCompiled(libtensorflowFolder(), root)!.folder;
      };
      const before = ["TF_XLA_FLAGS", "XLA_FLAGS"].map((name) => [name, Deno.env.get(name)] as const);
      try {
        const plain = folderWith("", "");
        assertEquals(folderWith(Deno.env.get("TF_XLA_FLAGS")!, ""), plain);
        assert(folderWith("", "--xla_cpu_enable_fast_math=true") !== plain);
      } finally {
        for (const [name, value] of before) value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
      }
    }),
);

Deno.test("prune() keeps the newest files of all folders, and removes what was never written to its end", () =>
  withFolder((root) => {
    const write = (path: string, hours: number) => {
      Deno.mkdirSync(`${root}/${path.split("/")[0]}`, { recursive: true });
      Deno.writeFileSync(`${root}/${path}`, new Uint8Array(100));
      Deno.utimeSync(`${root}/${path}`, Date.now() / 1000 - 3600 * hours, Date.now() / 1000 - 3600 * hours);
    };
    write("a/xla_compile_cache_1.pb", 9);
    write("b/xla_compile_cache_2.pb", 5);
    write("a/xla_compile_cache_3.pb", 3);
    write("a/xla_compile_cache_4.pb1.tmp", 2);
    write("a/xla_compile_cache_5.pb1.tmp", 0);
    write("a/else.pb", 99);
    prune(root, 350);
    const left = ["a", "b"].flatMap((folder) => [...Deno.readDirSync(`${root}/${folder}`)].map(({ name }) => `${folder}/${name}`)).sort();
    assertEquals(left, ["a/else.pb", "a/xla_compile_cache_3.pb", "a/xla_compile_cache_5.pb1.tmp"]);
  }));

/** Lets a body open one cache as several processes would, one after the other, and leaves the environment as it was. */
async function withOpen(body: (open: () => string | undefined) => void): Promise<void> {
  const flags = Deno.env.get("TF_XLA_FLAGS");
  try {
    await withFolder((root) =>
      body(() => {
        Deno.env.set("TF_XLA_FLAGS", "");
        return keepCompiled(libtensorflowFolder(), root)?.folder;
      })
    );
  } finally {
    flags === undefined ? Deno.env.delete("TF_XLA_FLAGS") : Deno.env.set("TF_XLA_FLAGS", flags);
  }
}

/** What a process of its own prints, with another user's cache folder. */
async function child(cache: string, before = "", env: Record<string, string> = {}): Promise<string> {
  const own = { XDG_CACHE_HOME: cache, DENO_DIR: denoFolder(), LIBTENSORFLOW_DIR: libtensorflowFolder(), TF_XLA_FLAGS: "", ...env };
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", CHILD, before], env: own }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** The value where nothing is kept. */
async function valueWithout(): Promise<string> {
  if (kept.ignore) return "";
  return await child("/dev/null");
}

function filesIn(cache: string): string[] {
  try {
    const root = `${cache}/worldstrap/compiled`;
    const folders = [...Deno.readDirSync(root)].map(({ name }) => `${root}/${name}`);
    return folders.flatMap((folder) =>
      [...Deno.readDirSync(folder)].filter(({ name }) => name.endsWith(".pb")).map(({ name }) => `${folder}/${name}`)
    );
  } catch {
    return [];
  }
}
