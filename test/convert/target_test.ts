/** Folders that are there whole or not at all. */
import { bytesIn, openTarget, requireRoom } from "../../lib/convert/target.ts";
import { exists, realDisk, writeFile } from "../../lib/files.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

Deno.test("openTarget() goes on with the same content, starts over with another, and takes away what was cut off", () =>
  withFolder((folder) => {
    const to = `${folder}/out`;
    const first = openTarget(to, { of: 1 });
    writeFile(`${first.folder}/a`, "a");
    Deno.writeTextFileSync(`${first.folder}/b.123.tmp`, "half");
    assertEquals([first.resumed, exists(to)], [false, false]);
    const again = openTarget(`${to}/`, { of: 1 });
    assertEquals([again.resumed, exists(`${again.folder}/a`), exists(`${again.folder}/b.123.tmp`)], [true, true, false]);
    const other = openTarget(to, { of: 2 });
    assertEquals([other.resumed, exists(`${other.folder}/a`)], [false, false]);
    writeFile(`${other.folder}/c`, "c");
    Deno.mkdirSync(to); // empty: it gives way
    other.finish();
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["out"]);
    assertEquals([[...Deno.readDirSync(to)].map(({ name }) => name), bytesIn(to)], [["c"], 1]);
    assertThrows(() => openTarget(to, { of: 2 }), UserError, "there is something already");
  }));

Deno.test("a disk that fills while a target is written leaves nothing in its place", () =>
  withFolder((folder) => {
    const full = {
      ...realDisk,
      write: () => {
        throw new Error("No space left on device (os error 28)");
      },
    };
    const { message } = assertThrows(() => openTarget(`${folder}/out`, 1, full), UserError) as Error;
    assert(message.includes("the disk is full: free some space and start again"), message);
    assertEquals(exists(`${folder}/out`), false);
    assertEquals(openTarget(`${folder}/out`, 1).resumed, false); // what was left of it does not stand in the way
    const room = assertThrows(() => requireRoom(`${folder}/not/there`, 1e18), UserError) as Error;
    assert(/Cannot write 1000000000\.00 GB to .* as the disk has [\d.]+ GB left/.test(room.message), room.message);
    requireRoom(folder, 1);
  }));

Deno.test("finish() goes on after any call to the disk failed: the next start puts the folder into its place", () =>
  withFolder((folder) => {
    for (const failing of ["remove", "rename"] as const) {
      const to = `${folder}/${failing}`;
      const broken = { ...realDisk };
      const target = openTarget(to, 1, broken);
      writeFile(`${target.folder}/a`, "a");
      broken[failing] = () => {
        throw new Error("Input/output error (os error 5)");
      };
      assertThrows(() => target.finish(), Error, "os error 5");
      const again = openTarget(to, 1);
      assertEquals([again.resumed, exists(`${again.folder}/a`)], [true, true]);
      again.finish();
      assertEquals([[...Deno.readDirSync(to)].map(({ name }) => name), exists(`${to}.unfinished.json`)], [["a"], false]);
    }
  }));
