import { packTar } from "modern-tar";
import { deflateRawSync, gzipSync } from "node:zlib";
import { unpack, type UnpackOptions } from "../../lib/fetch/unpack.ts";
import { exists } from "../../lib/files.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";
import { noise } from "./server.ts";
import { zipOf, type Zipped } from "./zip.ts";

/** A file that is deflated, with what the test states of it. */
type Lie = Partial<Zipped> & Pick<Zipped, "name" | "bytes">;

function zip(files: readonly Lie[]): Uint8Array<ArrayBuffer> {
  return zipOf(files.map((file) => ({ packed: deflateRawSync(file.bytes), method: 8, ...file })));
}

const text = (name: string, body = name): Lie => ({ name, bytes: new TextEncoder().encode(body) });
const tarOf = async (names: readonly string[]) =>
  gzipSync(await packTar(names.map((name) => ({ header: { name, size: name.length, type: "file" as const }, body: name }))));

async function failure(archive: string, folder: string, options: UnpackOptions): Promise<string> {
  const { message } = await assertRejects(() => unpack(archive, folder, options), UserError) as UserError;
  assert(!message.includes("\n"), message);
  return message;
}

Deno.test("unpack() unpacks zip and tar.gz, leaves folders out as told, and goes on where it was stopped", () =>
  withFolder(async (folder) => {
    Deno.writeFileSync(
      `${folder}/a.zip`,
      zip([text("images/a/1.txt"), text("images/b/2.txt"), text("__MACOSX/images/._a"), text("images/.DS_Store")]),
    );
    assertEquals(await unpack(`${folder}/a.zip`, `${folder}/zip`, { most: 1000, strip: "shared" }), 2);
    assertEquals(Deno.readTextFileSync(`${folder}/zip/b/2.txt`), "images/b/2.txt");
    Deno.writeFileSync(`${folder}/b.tar.gz`, await tarOf(["top/x/1.txt", "top/2.txt", "top/3.md"]));
    assertEquals(await unpack(`${folder}/b.tar.gz`, `${folder}/tar`, { most: 1000, strip: 1, only: ["*.txt"] }), 2);
    assertEquals(Deno.readTextFileSync(`${folder}/tar/x/1.txt`), "top/x/1.txt");
    assert(!exists(`${folder}/tar/3.md`));
    await unpack(`${folder}/b.tar.gz`, `${folder}/flat`, { most: 1000, strip: "all" });
    assertEquals([...Deno.readDirSync(`${folder}/flat`)].map(({ name }) => name).sort(), ["1.txt", "2.txt", "3.md"]);
    const before = Deno.statSync(`${folder}/tar/2.txt`).mtime!.getTime();
    Deno.removeSync(`${folder}/tar/x/1.txt`);
    await new Promise((done) => setTimeout(done, 20));
    await unpack(`${folder}/b.tar.gz`, `${folder}/tar`, { most: 1000, strip: 1, only: ["*.txt"] });
    assertEquals([exists(`${folder}/tar/x/1.txt`), Deno.statSync(`${folder}/tar/2.txt`).mtime!.getTime()], [true, before]);
  }));

Deno.test("unpack() lets nothing out of the folder, makes no links, and stops at its bounds", () =>
  withFolder(async (folder) => {
    const archives: Record<string, [bytes: Uint8Array, said: RegExp]> = {
      "up.zip": [zip([text("../evil.txt")]), /broken|lead out/],
      "root.zip": [zip([text("/evil.txt")]), /broken|lead out/],
      "backslash.zip": [zip([text("..\\evil.txt")]), /broken|lead out/],
      "up.tar.gz": [await tarOf(["a/../../evil.txt"]), /may lead out of its folder/],
      "root.tar.gz": [await tarOf(["/evil.txt"]), /may lead out of its folder/],
      "large.zip": [zip([{ ...text("a"), bytes: new Uint8Array(5000) }]), /unpacks to more than 1 kB/],
      "large.tar.gz": [
        gzipSync(await packTar([{ header: { name: "a", size: 5000 }, body: new Uint8Array(5000) }])),
        /unpacks to more than 1 kB/,
      ],
      "lies.zip": [zip([{ ...text("a"), bytes: new Uint8Array(900), stated: 9 }]), /broken|longer/],
      "short.zip": [zip([{ ...text("a"), stated: 900 }]), /broken|shorter/],
      "sum.zip": [zip([{ ...text("a"), sum: 7 }]), /the checksum of "a" is wrong/],
      "no.zip": [noise(500), /it is broken/],
      "empty.zip": [new Uint8Array(), /it is broken/],
      "no.tar.gz": [noise(500), /it is broken/],
      "no-gzip.tar.gz": [new Uint8Array(await packTar([])), /it is broken/],
    };
    for (const [name, [bytes, said]] of Object.entries(archives)) {
      Deno.writeFileSync(`${folder}/${name}`, bytes);
      const message = await failure(`${folder}/${name}`, `${folder}/out`, { most: 1000 });
      assert(said.test(message), `${name}: ${message}`);
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.includes("evil")), []);
    assertEquals(exists(`${folder}/out`) ? [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name) : [], []);

    Deno.writeFileSync(`${folder}/link.zip`, zip([{ ...text("link", "/etc"), attributes: (0o120777 << 16) >>> 0 }, text("link/x")]));
    await unpack(`${folder}/link.zip`, `${folder}/links`, { most: 1000 });
    const tar = await packTar([{ header: { name: "l", size: 0, type: "symlink", linkname: "/etc" } }, {
      header: { name: "m", size: 1 },
      body: "m",
    }]);
    Deno.writeFileSync(`${folder}/link.tar`, tar);
    assertEquals(await unpack(`${folder}/link.tar`, `${folder}/links`, { most: 1000 }), 1);
    assertEquals([exists(`${folder}/links/l`), Deno.lstatSync(`${folder}/links/link`).isDirectory], [false, true]);
  }));

Deno.test("unpack() says of an archive cut off anywhere that it is broken, and leaves no half file", () =>
  withFolder(async (folder) => {
    const whole = {
      "a.zip": zip([text("a.txt", "a".repeat(50)), text("b.txt", "b".repeat(50))]),
      "a.tar.gz": await tarOf(["a.txt", "b.txt"]),
    };
    for (const [name, bytes] of Object.entries(whole)) {
      for (let cut = 0; cut < bytes.length; cut += 10) {
        Deno.writeFileSync(`${folder}/${name}`, bytes.subarray(0, cut));
        const message = await failure(`${folder}/${name}`, `${folder}/${cut}`, { most: 1000 });
        assert(/it is broken|broken off/.test(message), `${name} at ${cut}: ${message}`);
        const left = exists(`${folder}/${cut}`) ? [...Deno.readDirSync(`${folder}/${cut}`)].map(({ name }) => name) : [];
        assert(left.every((file) => ["a.txt", "b.txt"].includes(file)), left.join());
      }
    }
  }));

Deno.test({
  name: "unpack() calls no archive broken that the disk cannot read",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      for (const name of ["a.tar", "a.tar.gz"]) {
        Deno.symlinkSync("/proc/self/mem", `${folder}/${name}`); // reading its beginning is EIO
        const message = await failure(`${folder}/${name}`, folder, { most: 100 });
        assert(message.startsWith(`Cannot unpack ${folder}/${name}: `) && /os error 5/.test(message) && !/broken/.test(message), message);
      }
    }),
});
