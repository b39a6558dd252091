import { createHash } from "node:crypto";
import { download } from "../../lib/fetch/download.ts";
import type { RemoteFile } from "../../lib/fetch/files.ts";
import type { Client } from "../../lib/fetch/request.ts";
import { type Disk, exists, realDisk } from "../../lib/files.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";
import { noise, type Reply, served, withServer } from "./server.ts";

const BYTES = noise(205);
const SHA = createHash("sha256").update(BYTES).digest("hex");

function clientOf(endpoint: string, more: Partial<Client> = {}): Client {
  return { endpoint, pause: 1, attempts: 3, stall: 2000, ...more };
}

function fileOf(address: string, more: Partial<RemoteFile> = {}): RemoteFile {
  return { url: `${address}/file`, path: "deep/file.bin", bytes: BYTES.length, digest: { algorithm: "sha256", value: SHA }, ...more };
}

/** Fetches, and gives the sentence that is said when it fails. */
async function failure(file: RemoteFile, folder: string, client: Client): Promise<string> {
  const error = await assertRejects(() => download(file, folder, { client }), UserError) as UserError;
  assert(!exists(`${folder}/${file.path}`), "something is there under the final name");
  return error.message;
}

Deno.test("download() goes on wherever the connection breaks, at every tenth byte, and is whole in the end", () =>
  withFolder(async (folder) => {
    for (let cut = 0; cut < BYTES.length; cut += 10) {
      await withServer((asked, count) => ({ ...served(BYTES, asked), ...(count === 1 && { cut }) }), async (address, asked) => {
        const path = await download(fileOf(address, { path: `${cut}.bin` }), folder, { client: clientOf(address) });
        assertEquals(Deno.readFileSync(path), BYTES, `cut at ${cut}`);
        assertEquals(asked.map(({ headers }) => headers["range"]), [undefined, cut === 0 ? undefined : `bytes=${cut}-`]);
        assertEquals([`${path}.part`, `${path}.part.json`].filter(exists), []);
      });
    }
  }));

Deno.test("download() goes on in a new process, every ten bytes a run", () =>
  withFolder(async (folder) => {
    await withServer((asked) => ({ ...served(BYTES, asked), cut: 10 }), async (address, asked) => {
      const client = clientOf(address, { attempts: 1 }); // gives up at the first break, as a killed process does
      const file = fileOf(address);
      let runs = 1;
      while (await download(file, folder, { client }).then(() => false, () => true)) runs++;
      assertEquals(runs, 21);
      assertEquals(asked.length, 21);
      assertEquals(Deno.readFileSync(`${folder}/${file.path}`), BYTES);
    });
  }));

Deno.test("download() starts over when the file has changed, when ranges are ignored, and when the range is another one", () =>
  withFolder(async (folder) => {
    const other = noise(205, 7);
    const replies: Record<string, (asked: Parameters<typeof served>[1], count: number) => Reply> = {
      changed: (asked, count) => count === 1 ? { ...served(other, asked, '"v0"'), cut: 50 } : served(BYTES, asked),
      "changed, with If-Range ignored": (asked, count) =>
        count === 1
          ? { ...served(other, asked, '"v0"'), cut: 50 }
          : served(BYTES, { ...asked, headers: asked.headers["range"] ? { range: asked.headers["range"] } : {} }),
      "no ranges": (_, count) => ({ body: BYTES, headers: { etag: '"v1"' }, ...(count === 1 && { cut: 50 }) }),
      "another range": (asked, count) =>
        count === 2
          ? { status: 206, headers: { etag: '"v1"', "content-range": "bytes 20-204/205" }, body: BYTES.subarray(20) }
          : { ...served(BYTES, asked), ...(count === 1 && { cut: 50 }) },
      "no length, no tag": (_, count) => ({
        body: BYTES,
        headers: { "content-length": "" },
        ...(count === 1 && { cut: 50 }),
      }),
      "longer part than file": (asked) => served(BYTES, asked),
    };
    for (const [name, reply] of Object.entries(replies)) {
      await withServer(reply, async (address) => {
        const file = fileOf(address, { path: `${name}.bin`, ...(name.startsWith("longer") && { bytes: undefined }) as object });
        if (name.startsWith("longer")) {
          Deno.writeFileSync(`${folder}/${file.path}.part`, noise(300));
          Deno.writeTextFileSync(`${folder}/${file.path}.part.json`, '{"etag":"\\"v1\\""}');
        }
        const path = await download(file, folder, { client: clientOf(address) });
        assertEquals(Deno.readFileSync(path), BYTES, name);
      });
    }
  }));

Deno.test("download() says in one sentence what a server answers instead, and leaves nothing under the final name", () =>
  withFolder(async (folder) => {
    const wrong = noise(205, 9);
    const cases: Record<string, [reply: Reply, said: RegExp, asked: number]> = {
      "401": [{ status: 401 }, /wants a token \(401\): accept the terms on the repository's page and set HF_TOKEN/, 1],
      "403": [{ status: 403 }, /wants a token \(403\)/, 1],
      "404": [{ status: 404, body: "<html>no</html>" }, /http:\S+\/file: there is no such file \(404\)/, 1],
      "418": [{ status: 418 }, /answered 418$/, 1],
      "429": [{ status: 429 }, /answered 429, 3 times in a row: try again later; what has arrived is kept/, 3],
      "500": [{ status: 500 }, /answered 500, 3 times in a row/, 3],
      "503 for an hour": [{ status: 503, headers: { "retry-after": "3600" } }, /answered 503: try again later/, 1],
      "wrong bytes": [{ body: wrong }, /its sha256 digest is [0-9a-f]{12}…, expected [0-9a-f]{12}…: the copy there is broken/, 2],
      "too short by its own word": [{ body: BYTES.subarray(0, 100) }, /has 100 bytes \(100\), expected 205 bytes \(205\)/, 1],
      "too long": [{ body: noise(300) }, /has 300 bytes \(300\), expected 205 bytes/, 1],
      "longer than it says": [{ body: noise(300), headers: { "content-length": "" } }, /sends more than the 205 bytes/, 1],
      "shorter than it says": [{ body: BYTES.subarray(0, 100), headers: { "content-length": "205" } }, /broke.*3 times in a row/, 3],
      "breaks off for ever": [{ body: BYTES, cut: 50 }, /broke.*3 times in a row/, 3],
      "a web page": [
        { body: "<html>log in</html>", headers: { "content-type": "text/html; charset=utf-8" } },
        /a web page, not the file/,
        1,
      ],
      "a web page that says nothing": [{ body: " <!DOCTYPE html>" + " ".repeat(189) }, /a web page, not the file: check --mirror/, 1],
      "a circle": [{ status: 302, headers: { location: "/file" } }, /redirected more than 8 times/, 9],
      "to a file": [{ status: 302, headers: { location: "file:///etc/passwd" } }, /which is no web address/, 1],
    };
    for (const [name, [reply, said, count]] of Object.entries(cases)) {
      await withServer(() => reply, async (address, asked) => {
        const message = await failure(fileOf(address, { path: `${name}.bin` }), folder, clientOf(address));
        assert(said.test(message) && !message.includes("\n"), `${name}: ${message}`);
        assertEquals(asked.length, count, name);
      });
    }
  }));

Deno.test("download() waits as a busy server asks, and gets the file then", () =>
  withFolder(async (folder) => {
    const reply = (asked: Parameters<typeof served>[1], count: number) =>
      count === 1 ? { status: 429, headers: { "retry-after": "1" } } : count === 2 ? { status: 502 } : served(BYTES, asked);
    await withServer(reply, async (address, asked) => {
      const start = performance.now();
      await download(fileOf(address), folder, { client: clientOf(address) });
      assert(performance.now() - start >= 1000 && asked.length === 3);
    });
  }));

Deno.test("download() shows the token to the endpoint alone, not to where it redirects", () =>
  withFolder(async (folder) => {
    await withServer((asked) => served(BYTES, asked), async (other, seenThere) => {
      const reply = () => ({ status: 302, headers: { location: `${other}/elsewhere?signature=1` } });
      await withServer(reply, async (address, seenHere) => {
        await download(fileOf(address), folder, { client: clientOf(address, { token: "hf_canary" }) });
        assertEquals(seenHere.map(({ headers }) => headers["authorization"]), ["Bearer hf_canary"]);
        assertEquals(seenThere.map(({ headers }) => headers["authorization"]), [undefined]);
        await download(fileOf(other, { path: "2" }), folder, { client: clientOf(address, { token: "hf_canary" }) });
        assertEquals(seenThere.at(-1)!.headers["authorization"], undefined);
      });
      await withServer(() => ({ status: 403 }), async (address) => {
        const message = await failure(fileOf(address, { path: "3" }), folder, clientOf(address, { token: "hf_canary" }));
        assert(message.includes("refuses the token of HF_TOKEN (403)") && !message.includes("hf_canary"), message);
      });
    });
  }));

Deno.test("download() says that the disk is full, keeps what has arrived, and goes on from there", () =>
  withFolder(async (folder) => {
    await withServer((asked) => served(BYTES, asked), async (address, asked) => {
      const full: Disk = {
        ...realDisk,
        write(file, bytes) {
          const room = 80 - file.seekSync(0, Deno.SeekMode.End);
          if (room <= 0) throw new Error("No space left on device (os error 28)");
          return file.writeSync(bytes.subarray(0, Math.min(bytes.length, room)));
        },
      };
      const file = fileOf(address);
      // the note beside the part is written before it fills up
      const error = await assertRejects(() => download(file, folder, { client: clientOf(address), disk: full }), UserError) as UserError;
      assert(error.message.includes("the disk is full: free some space and start again"), error.message);
      assertEquals(Deno.statSync(`${folder}/${file.path}.part`).size, 80);
      await download(file, folder, { client: clientOf(address) });
      assertEquals(asked.at(-1)!.headers["range"], "bytes=80-");
    });
  }));

Deno.test("download() takes a silent connection for a broken one", () =>
  withFolder(async (folder) => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const address = `http://127.0.0.1:${listener.addr.port}`;
    const held: Deno.Conn[] = [];
    const serving = (async () => {
      for await (const connection of listener) held.push(connection);
    })();
    const message = await failure(fileOf(address), folder, clientOf(address, { stall: 50, attempts: 2 }));
    assert(/2 times in a row/.test(message), message);
    for (const connection of held) connection.close();
    listener.close();
    await serving.catch(() => {}); // it ends with the listener
  }));

Deno.test("download() leaves a whole file alone, and fetches anew one of another content", () =>
  withFolder(async (folder) => {
    await withServer((asked) => served(BYTES, asked), async (address, asked) => {
      const client = clientOf(address);
      const file = fileOf(address);
      const path = await download(file, folder, { client });
      await download(file, folder, { client });
      assertEquals(asked.length, 1);
      Deno.writeFileSync(path, noise(205, 4)); // as long, but of another version
      await download(file, folder, { client, known: `sha256:${SHA}` }); // the record says that it was read: trusted
      assertEquals(asked.length, 1);
      await download(file, folder, { client, known: "sha256:00" });
      assertEquals([asked.length, Deno.readFileSync(path)], [2, BYTES]);
    });
  }));
