import {
  appendLine,
  checkRegular,
  type Disk,
  diskError,
  encodeBase64,
  exists,
  fileNameOf,
  parent,
  plainName,
  readBytes,
  readJson,
  readJsonLines,
  readText,
  realDisk,
  resumeLog,
  sha256,
  temporaryName,
  writeFile,
} from "../lib/files.ts";
import { assert, assertEquals, assertThrows, failingDisk, UserError, withFolder } from "./support.ts";

Deno.test("writeFile() leaves the old file or the new one, and nothing between, whichever disk call fails", () =>
  withFolder((folder) => {
    const path = `${folder}/deep/er/a.txt`;
    writeFile(path, "old");
    for (let n = 1;; n++) {
      const { disk, calls } = failingDisk(n);
      let failed = false;
      try {
        writeFile(path, [new TextEncoder().encode("ne"), new TextEncoder().encode("w")], disk);
      } catch (error) {
        failed = true;
        assertEquals((error as Error).message, `Cannot write ${path} as the disk is full: free some space and start again`);
      }
      assert(["old", "new"].includes(readText(path)), readText(path));
      assertEquals([...Deno.readDirSync(parent(path))].length, 1, "a temporary file was left");
      if (!failed) {
        assertEquals(readText(path), "new");
        assert(calls() < n && n > 6, "every call failed once");
        break;
      }
      writeFile(path, "old");
    }
  }));

Deno.test("writeFile() waits for the bytes before it renames, and for the folder after; a cache need not wait", () =>
  withFolder((folder) => {
    const calls: string[] = [];
    const disk: Disk = {
      ...realDisk,
      sync: (file) => {
        calls.push("sync");
        realDisk.sync(file);
      },
      rename: (from, to) => {
        calls.push("rename");
        realDisk.rename(from, to);
      },
    };
    writeFile(`${folder}/a`, "1", disk);
    writeFile(`${folder}/b`, "2", disk, false);
    assertEquals(calls, ["sync", "rename", ...(Deno.build.os === "windows" ? [] : ["sync"]), "rename"]);
  }));

Deno.test("temporaryName() is another at every call, beside its file, and one that a run which goes on knows", () => {
  const names = Array.from({ length: 100 }, () => temporaryName("/a/b.mp4"));
  assertEquals(new Set(names).size, 100);
  assert(names.every((name) => /^\/a\/b\.mp4\.\d+\.tmp$/.test(name)), names[0]);
});

Deno.test("resumeLog() gives the whole lines, and takes a last line that was being written off the file", () =>
  withFolder((folder) => {
    const path = `${folder}/log.jsonl`;
    assertEquals(resumeLog(path), []);
    appendLine(path, '{"step":1}');
    appendLine(path, '{"step":2}');
    Deno.writeTextFileSync(path, '{"step":3', { append: true });
    assertEquals(resumeLog(path), [{ step: 1 }, { step: 2 }]);
    assertEquals(readText(path), '{"step":1}\n{"step":2}\n');
    appendLine(path, '{"step":3}');
    assertEquals(resumeLog<{ step: number }>(path).map(({ step }) => step), [1, 2, 3]);
    Deno.writeTextFileSync(path, '{"step":1}\nstep 2\n');
    assertThrows(() => resumeLog(path), UserError, `Cannot read line 2 of ${path}: it is not JSON, found "step 2"`);
  }));

Deno.test("readJsonLines() takes a last line without a line feed when it is whole, and never writes", () =>
  withFolder((folder) => {
    const path = `${folder}/lines.jsonl`;
    assertEquals(readJsonLines(path), []);
    for (const [end, steps] of [["", [1, 2]], ['{"step":3}', [1, 2, 3]], ['{"step":3}\r\n', [1, 2, 3]], ['{"step":3', [1, 2]]] as const) {
      const text = `{"step":1}\n{"step":2}\n${end}`;
      Deno.writeTextFileSync(path, text);
      assertEquals(readJsonLines<{ step: number }>(path).map(({ step }) => step), [...steps]);
      assertEquals(readText(path), text);
    }
    Deno.writeTextFileSync(path, 'step 1\n{"step":2}');
    assertThrows(() => readJsonLines(path), UserError, `Cannot read line 1 of ${path}: it is not JSON, found "step 1"`);
  }));

Deno.test("checkRegular() refuses folders, devices and pipes without opening them, and what is too large", () =>
  withFolder(async (folder) => {
    assertThrows(() => checkRegular(folder, 1), UserError, "as it is a folder: give a file");
    assertThrows(() => checkRegular(`${folder}/none`, 1), UserError, "as it is not there");
    writeFile(`${folder}/five`, "12345");
    checkRegular(`${folder}/five`, 5);
    assertThrows(() => checkRegular(`${folder}/five`, 4), UserError, "as it has 5 bytes: at most 4 are read of such a file");
    if (Deno.build.os === "windows") return;
    assertThrows(() => checkRegular("/dev/zero", 1), UserError, "no regular file but a device or a pipe");
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    assertThrows(() => readBytes(`${folder}/pipe`), UserError, "no regular file but a device or a pipe");
  }));

Deno.test("readText() leaves a byte order mark out, readJson() names a file that is not JSON", () =>
  withFolder((folder) => {
    writeFile(`${folder}/a.json`, '\ufeff{"a": "ü"}');
    assertEquals(readJson(`${folder}/a.json`), { a: "ü" });
    writeFile(`${folder}/a.json`, "{a");
    assertThrows(() => readJson(`${folder}/a.json`), UserError, `Cannot read ${folder}/a.json as JSON: `);
  }));

Deno.test("parent() gives the folder of every form of a path", () => {
  const pairs = [["a/b/c", "a/b"], ["a/b/", "a"], ["a", "."], ["/a", "/"], ["/a/b", "/a"], ["a//", "."]];
  assertEquals(pairs.map(([path]) => parent(path!)), pairs.map(([, folder]) => folder!));
});

Deno.test("plainName() keeps letters of any script and nothing that a path or a terminal takes for its own", () => {
  const texts = ["ag-0.1_x", "ag-0@1", "हिंदी 跳", "../a b/c:d", "e\u0301\u001b[2J~\u{1f600}"];
  assertEquals(texts.map(plainName), ["ag-0.1_x", "ag-0@1", "हिंदी_跳", ".._a_b_c_d", "e\u0301_2J_"]);
});

Deno.test("fileNameOf() gives plain ids themselves, and no two ids one file", () => {
  const plain = ["ag-0", "magicbrush-19", "epic-P01_01_12", "default-bench-1-3", "something-7@1", "跳-0", "x".repeat(200)];
  assertEquals(plain.map((id) => fileNameOf(id)), plain);
  const odd = ["跳/1.mp4", "走/1.mp4", "a/b/1.mp4", "a b/1.mp4", "a_b_1.mp4", "a//b/1.mp4", "~", "/", "", "\u{1f600}", "x".repeat(201)];
  const long = ["跳", "走", "\u{20000}"].flatMap((letter) => [letter.repeat(99), letter.repeat(199)]); // 3 or 4 bytes a letter
  const names = [...odd, ...long].map((id) => fileNameOf(id));
  assertEquals(new Set(names).size, names.length);
  assertEquals(names.filter((name) => new TextEncoder().encode(name).length > 200 || /[\/\ufffd\s]|\p{C}/u.test(name)), []);
  assertEquals([fileNameOf("跳/1.mp4"), fileNameOf("move the cup", 17)], ["跳_1.mp4~cc672a3a3612", "move~e8c9c2d79269"]);
});

Deno.test("sha256() and encodeBase64() give the published test vectors", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  assertEquals(await sha256(bytes("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-4
  assertEquals(await sha256(bytes("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assertEquals(["", "f", "fo", "foo", "foobar"].map((text) => encodeBase64(bytes(text))), ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYmFy"]); // RFC 4648
});

Deno.test("diskError() says what may help, and keeps its cause", () => {
  const cases: readonly (readonly [Error, string])[] = [
    [new Deno.errors.NotFound("x"), "Cannot do it as it is not there"],
    [new Deno.errors.PermissionDenied("x"), "as this user may not: choose another folder or change its permissions"],
    [new Error("No space left on device (os error 28)"), "as the disk is full: free some space and start again"],
    [new Error("No space left on device"), "as the disk is full: free some space and start again"], // as FFmpeg says it
    [new Error("odd"), "Cannot do it: odd"],
  ];
  for (const [cause, said] of cases) {
    const error = diskError("do it", cause);
    assert(error instanceof UserError && error.message.includes(said) && error.cause === cause, error.message);
  }
  assert(!exists("/nowhere/at/all"));
});

Deno.test("exists() does not take a disk that fails for a file that is not there", () => {
  const real = Deno.statSync;
  Deno.statSync = () => {
    throw new Error("Input/output error (os error 5), stat '/a/log.jsonl'");
  };
  try {
    assertThrows(() => exists("/a/log.jsonl"), UserError, "Cannot look for /a/log.jsonl: Input/output error");
  } finally {
    Deno.statSync = real;
  }
});
