import { packTar } from "modern-tar";
import { gzipSync } from "node:zlib";
import type { Item } from "../../lib/fetch/catalogue.ts";
import { CATALOGUE } from "../../lib/fetch/catalogue.ts";
import { fetchItem, finishItem, openFiles, readRecord } from "../../lib/fetch/item.ts";
import { planItem } from "../../lib/fetch/plan.ts";
import { exists } from "../../lib/files.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";
import { served, withServer } from "./server.ts";

const unpack = { into: "out", most: 1000 };
const source = (name: string) => ({ kind: "file", url: `https://host.example/${name}.tar.gz`, path: `${name}.tar.gz`, unpack }) as const;
const ITEM: Item = { ...CATALOGUE["aurora"]!, sources: [source("a"), source("b"), source("c")], writes: { "settings.json": { x: 1 } } };
const tarOf = async (name: string) => gzipSync(await packTar([{ header: { name, size: name.length }, body: name }]));

Deno.test("fetchItem() unpacks each archive once, whatever run it is stopped in, and records what came from where", () =>
  withFolder(async (folder) => {
    const archives = Object.fromEntries(
      await Promise.all(["a", "b", "c"].map(async (name) => [`/host.example/${name}.tar.gz`, await tarOf(name)])),
    );
    let broken = "/host.example/c.tar.gz";
    const got: string[] = [];
    await withServer((asked) => {
      if (asked.path === broken) return { status: 404 };
      if (asked.method === "GET") got.push(asked.path.at(-8)!);
      return served(archives[asked.path]!, asked);
    }, async (address) => {
      const client = { endpoint: address, mirror: address, pause: 1, attempts: 2, stall: 2000 };
      const options = { client, folder };
      const run = async () => await fetchItem("x", ITEM, await planItem(ITEM, client), options);
      await assertRejects(run, UserError, "there is no such file (404)");
      assertEquals(readRecord("x", folder)!.files.map(({ path, unpacked }) => [path, unpacked]), [["a.tar.gz", true], ["b.tar.gz", true]]);
      await assertRejects(run, UserError, "there is no such file (404)");
      assertEquals(readRecord("x", folder)!.files.length, 2);
      assertEquals(openFiles(await planItem(ITEM, client), readRecord("x", folder)).map(({ path }) => path), ["c.tar.gz"]);
      broken = "";
      const record = await run();
      assertEquals(got, ["a", "b", "c"]);
      assertEquals([...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort(), ["a", "b", "c"]);
      assert(!exists(`${folder}/a.tar.gz`) && Deno.readTextFileSync(`${folder}/settings.json`).includes('"x": 1'));
      assertEquals([record.finished, readRecord("x", folder)!.finished], [false, false]);
      finishItem(record, folder);
      assertEquals(readRecord("x", folder)!.finished, true);
      await fetchItem("x", ITEM, await planItem(ITEM, client), { ...options, restart: true });
      assertEquals(got.length, 6);
    });
    Deno.writeTextFileSync(`${folder}/y.fetched.json`, "{}");
    assertEquals(readRecord("y", folder), undefined);
  }));

Deno.test("fetchItem() removes an archive that no digest vouches for when it is broken, so that the next run fetches it anew", () =>
  withFolder(async (folder) => {
    const whole = await tarOf("a");
    let body = whole.subarray(0, 30);
    await withServer(() => ({ body }), async (address) => {
      const client = { endpoint: address, mirror: address, pause: 1, attempts: 2, stall: 2000 };
      const item = { ...ITEM, sources: [source("a")] };
      const run = async () => await fetchItem("x", item, await planItem(item, client), { client, folder });
      await assertRejects(run, UserError, "a.tar.gz: ");
      assert(!exists(`${folder}/a.tar.gz`));
      body = whole;
      await run();
      assertEquals(Deno.readTextFileSync(`${folder}/out/a`), "a");
    });
  }));
