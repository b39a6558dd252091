import type { Item } from "../../lib/fetch/catalogue.ts";
import { CATALOGUE } from "../../lib/fetch/catalogue.ts";
import { checkRoom, freeBytes, openBytes, planItem } from "../../lib/fetch/plan.ts";
import { assert, assertEquals, assertRejects, assertThrows, UserError, withFolder } from "../support.ts";
import { type Reply, withServer } from "./server.ts";

const client = (mirror: string) => ({ endpoint: mirror, mirror, pause: 1, attempts: 2, stall: 2000 });
const item = (source: Item["sources"][number]): Item => ({ ...CATALOGUE["aurora"]!, sources: [source] });

Deno.test("planItem() asks Zenodo for lengths and MD5, and servers for lengths that no list states", async () => {
  const [tar, zenodo] = CATALOGUE["aurora"]!.sources as [Item["sources"][number], Item["sources"][number]];
  const files = ["magicbrush", "ag", "kubric"].map((name, i) => ({
    key: `${name}_images.zip`,
    size: 10 + i,
    checksum: `md5:${"0".repeat(32)}`,
  }));
  const reply = ({ method, path }: { method: string; path: string }): Reply =>
    method === "HEAD"
      ? { headers: { "content-length": "77" } }
      : path.endsWith("/11552426")
      ? { body: JSON.stringify({ files }) }
      : { status: 404 };
  await withServer(reply, async (address) => {
    const plan = await planItem({ ...CATALOGUE["aurora"]!, sources: [tar, zenodo] }, client(address));
    assertEquals(plan.files.map(({ path, bytes, estimate, digest }) => [path, bytes ?? estimate, digest?.algorithm]), [
      ["aurora.tar.gz", 77, undefined],
      ["magicbrush_images.zip", 10, "md5"],
      ["ag_images.zip", 11, "md5"],
      ["kubric_images.zip", 12, "md5"],
    ]);
    assert(plan.files[1]!.url.startsWith(`${address}/zenodo.org/record/11552426/files/magicbrush_images.zip`));
  });
});

Deno.test("planItem() says in one sentence what a list does not give", async () => {
  const zenodo = CATALOGUE["aurora"]!.sources[1]!;
  const list = CATALOGUE["kinetics-700"]!.sources[1]!;
  const cases: [source: Item["sources"][number], body: string, said: RegExp][] = [
    [zenodo, "{}", /the answer is no record of Zenodo's, found "\{\}"/],
    [zenodo, '{"files": []}', /Cannot fetch magicbrush_images.zip: Zenodo's record 11552426 does not hold it/],
    [list, "https://evil.example/a.tar.gz", /"https:\/\/evil.example\/a.tar.gz" is no archive of s3.amazonaws.com/],
    [list, "https://s3.amazonaws.com/a.sh", /is no archive of/],
    [list, "https://s3.amazonaws.com/..%2F..%2Fa.tar.gz", /may lead out of its folder/],
    [list, "hello", /"hello" is no archive of/],
  ];
  for (const [source, body, said] of cases) {
    await withServer(() => ({ body }), async (address) => {
      const { message } = await assertRejects(() => planItem(item(source), client(address)), UserError) as UserError;
      assert(said.test(message) && !message.includes("\n"), message);
    });
  }
});

Deno.test("checkRoom() refuses what does not fit, and openBytes() counts what is missing and the largest archive twice", () =>
  withFolder((folder) => {
    const unpack = { into: "", most: 1 };
    const files = [{ url: "", path: "a.zip", bytes: 100, unpack }, { url: "", path: "b", estimate: 40 }, { url: "", path: "c", bytes: 7 }];
    Deno.writeFileSync(`${folder}/b.part`, new Uint8Array(10));
    Deno.writeFileSync(`${folder}/c`, new Uint8Array(7));
    assertEquals(openBytes(files, folder), 100 + 30 + 100);
    assert(checkRoom(1000, `${folder}/not/there/yet`) > 1000);
    assertThrows(() => checkRoom(freeBytes(folder), folder), UserError, "free; make room, or choose another with --to=FOLDER");
  }));

Deno.test("every item says what it is, and its patterns, addresses and folders are sound", () => {
  for (const [name, { about, folder, licence, terms, size, sources, steps }] of Object.entries(CATALOGUE)) {
    assert(/^[a-z0-9-]+$/.test(name) && /^[a-z0-9-]+$/.test(folder) && about !== "" && licence !== "" && size !== "", name);
    assert(/^https?:$/.test(new URL(terms).protocol), name);
    assert(sources.length > 0 || steps.length > 0, name);
    for (const source of sources) if ("url" in source) assertEquals(new URL(source.url).protocol, "https:", name);
  }
});
