import { fits, safePath, sizeText } from "../../lib/fetch/files.ts";
import { type HubSource, listHub } from "../../lib/fetch/hub.ts";
import { assert, assertEquals, assertRejects, assertThrows, UserError } from "../support.ts";
import { type Asked, type Reply, withServer } from "./server.ts";

const SHA = "a".repeat(40);
const client = (endpoint: string) => ({ endpoint, pause: 1, attempts: 2, stall: 2000 });
const entry = (path: string, size: number, lfs?: string) => ({
  type: "file",
  path,
  size,
  oid: "b".repeat(40),
  ...(lfs && { lfs: { oid: lfs, size, pointerSize: 135 } }),
});
const PAGES = [
  [
    entry("config.json", 10),
    { type: "directory", path: "onnx", size: 0, oid: "c".repeat(40) },
    entry("model-2.safetensors", 99, "d".repeat(64)),
  ],
  [entry("model-1.safetensors", 98, "e".repeat(64)), entry("onnx/model.onnx", 7, "f".repeat(64)), entry("a b#.json", 3)],
];

/** The API of a repository with two pages of files. */
function api({ path }: Asked, pages: unknown = PAGES): Reply {
  if (path.endsWith("/revision/main")) return { body: JSON.stringify({ sha: SHA }) };
  const page = Number(/cursor=(\d)/.exec(path)?.[1] ?? 0);
  const more = page === 0 ? { link: `<https://huggingface.co${path.split("?")[0]}?recursive=true&cursor=1>; rel="next"` } : {};
  return { body: JSON.stringify((pages as unknown[])[page]), headers: more as Record<string, string> };
}

Deno.test("listHub() lists the wanted files over all pages, at one commit, with lengths and digests", () =>
  withServer((asked) => api(asked), async (address, asked) => {
    const source: HubSource = { kind: "datasets", repository: "who/what", files: ["*.json", "model*.safetensors"] };
    const { revision, files } = await listHub(source, client(address));
    assertEquals(revision, SHA);
    assertEquals(files.map(({ path, bytes, digest }) => [path, bytes, digest!.algorithm]), [
      ["a b#.json", 3, "git"],
      ["config.json", 10, "git"],
      ["model-1.safetensors", 98, "sha256"],
      ["model-2.safetensors", 99, "sha256"],
    ]);
    assertEquals(files[0]!.url, `${address}/datasets/who/what/resolve/${SHA}/a%20b%23.json`);
    assertEquals(asked.map(({ path }) => path), [
      "/api/datasets/who/what/revision/main",
      `/api/datasets/who/what/tree/${SHA}?recursive=true`,
      `/api/datasets/who/what/tree/${SHA}?recursive=true&cursor=1`,
    ]);
  }));

Deno.test("listHub() says in one sentence what the API does not give", async () => {
  const evil = [[entry("../../../etc/cron.d/x", 1)], []];
  const cases: Record<string, [reply: (asked: Asked) => Reply, said: RegExp]> = {
    "no such repository": [() => ({ status: 404 }), /there is no such file \(404\)/],
    "a token is wanted": [() => ({ status: 401, body: "{}" }), /wants a token \(401\)/],
    "a web page": [() => ({ body: "<html>", headers: { "content-type": "text/html" } }), /a web page, not the file/],
    "no JSON": [() => ({ body: "hello" }), /the answer is not Hugging Face's, found "hello"/],
    "other JSON": [() => ({ body: '{"sha": 3}' }), /the answer is not Hugging Face's/],
    "no list": [(asked) => asked.path.endsWith("main") ? api(asked) : { body: '{"error":"x"}' }, /the answer is not Hugging Face's/],
    "a file is missing": [(asked) => api(asked, [[entry("other", 1)], []]), /lists 1 entries, and none is "\*\/x"/],
    "a path that leads out": [(asked) => api(asked, evil), /"..\/..\/..\/etc\/cron.d\/x": it may lead out of its folder|none is/],
    busy: [() => ({ status: 500 }), /answered 500, 2 times in a row/],
  };
  for (const [name, [reply, said]] of Object.entries(cases)) {
    await withServer(reply, async (address) => {
      const files = name === "a path that leads out" ? ["../../../etc/cron.d/*"] : ["*/x"];
      const ask = () => listHub({ kind: "models", repository: "who/what", files }, client(address));
      const { message } = await assertRejects(ask, UserError) as UserError;
      assert(said.test(message) && !message.includes("\n"), `${name}: ${message}`);
    });
  }
});

Deno.test("safePath() lets no path out of its folder", () => {
  for (const path of ["/etc/passwd", "../a", "a/../../b", "c:\\x", "C:/x", "a\\b", "a\nb", "a\u202eb", "", ".", "x".repeat(501)]) {
    assertThrows(() => safePath(path), UserError, "it may lead out of its folder");
  }
  assertEquals(safePath("./a//b/..c"), "a/b/..c");
});

Deno.test("fits() takes * for all but slashes, and other characters as they are; sizeText() speaks in thousands", () => {
  assert(fits("data/train-01.parquet", "data/train-*.parquet") && !fits("data/x/train-1.parquet", "data/*.parquet"));
  assert(!fits("configxjson", "config.json") && fits("a+b(c)", "a+b(c)"));
  assertEquals([0, 999, 1000, 14_300_000_000, 352e6].map(sizeText), ["0 bytes", "999 bytes", "1 kB", "14.3 GB", "352 MB"]);
});
