import { readBody, readObject } from "../../lib/web/mod.ts";
import { assert, assertEquals } from "../support.ts";

const post = (body: BodyInit, headers: Record<string, string> = {}) => new Request("http://a/", { method: "POST", body, headers });
const sentence = async (answer: unknown) => {
  assert(answer instanceof Response);
  return [answer.status, (await answer.json()).error] as const;
};

/** A body in pieces, and how many of them were asked for. */
function pieces(size: number, count: number, wait = 0) {
  const sent = { pieces: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((done) => setTimeout(done, wait));
      if (sent.pieces++ >= count) return controller.close();
      controller.enqueue(new Uint8Array(size));
    },
    cancel: () => void (sent.cancelled = true),
  }, { highWaterMark: 0 });
  return { sent, stream };
}

Deno.test("readBody() gives what is within its limits", async () => {
  assertEquals(await readBody(post("abc"), { bytes: 3 }), new TextEncoder().encode("abc"));
  assertEquals(await readBody(new Request("http://a/"), { bytes: 3 }), new Uint8Array());
});

Deno.test("readBody() refuses a body by its stated length without reading it, and one that goes on beyond the limit", async () => {
  const stated = pieces(10, 5);
  const [status, error] = await sentence(await readBody(post(stated.stream, { "content-length": `${2 ** 31}` }), { bytes: 100 }));
  assertEquals([status, stated.sent.pieces], [413, 0]);
  assert(error.includes("at most 100 bytes"), error);
  const endless = pieces(64, 1e9);
  assertEquals((await sentence(await readBody(post(endless.stream), { bytes: 1000 })))[0], 413);
  assert(endless.sent.pieces < 20 && endless.sent.cancelled);
});

Deno.test("readBody() waits for no slow sender, and says when one breaks off", async () => {
  const slow = pieces(1, 1000, 20);
  const [status, error] = await sentence(await readBody(post(slow.stream), { bytes: 1000, seconds: 0.1 }));
  assertEquals([status, error.includes("0.1 seconds")], [408, true]);
  await new Promise((done) => setTimeout(done, 30)); // until the piece on its way has come
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });
  assertEquals((await sentence(await readBody(post(broken), { bytes: 10 })))[0], 400);
});

Deno.test("readObject() takes JSON objects and nothing else", async () => {
  assertEquals(await readObject(post('{"a": 1}'), { bytes: 100 }), { a: 1 });
  for (const body of ["", "{", "[1]", "null", '"a"', "\xff\xfe", `{"a": ${"[".repeat(60)}`]) {
    assertEquals(await sentence(await readObject(post(body), { bytes: 100 })), [400, "That is no JSON object."]);
  }
  assertEquals((await sentence(await readObject(post("x".repeat(101)), { bytes: 100 })))[0], 413);
});
