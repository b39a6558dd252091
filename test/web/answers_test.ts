import { KEPT, pageFiles, refuse, send, sendBytes, sendPage } from "../../lib/web/mod.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("every answer forbids what is from elsewhere, frames, guessing of types, and telling where one came from", async () => {
  const pages = pageFiles(new URL("../../lib/human/page/", import.meta.url));
  const answers = [await sendPage(pages["/"]!), send(200, {}), refuse(400, "No."), sendBytes(new Uint8Array(1), "image/png", KEPT)];
  for (const { headers } of answers) {
    const policy = headers.get("content-security-policy")!;
    assert(policy.startsWith("default-src 'none'") && !policy.includes("unsafe") && !policy.includes("http"), policy);
    assertEquals(["x-content-type-options", "x-frame-options", "referrer-policy"].map((name) => headers.get(name)), [
      "nosniff",
      "DENY",
      "no-referrer",
    ]);
  }
  assertEquals(answers.map(({ headers }) => headers.get("cache-control")), [
    "no-store",
    "no-store",
    "no-store",
    "private, max-age=86400, immutable",
  ]);
  assertEquals([answers[0]!.headers.get("content-type"), (await answers[0]!.text()).slice(0, 15)], [
    "text/html; charset=utf-8",
    "<!doctype html>",
  ]);
  assertEquals([answers[2]!.status, await answers[2]!.json()], [400, { error: "No." }]);
  await answers[1]!.body!.cancel();
});

Deno.test("the pages of both servers are there with the look that they share", async () => {
  for (const area of ["human", "serve"]) {
    const pages = pageFiles(new URL(`../../lib/${area}/page/`, import.meta.url));
    for (const path of ["/", "/page.js", "/page.css", "/style.css"]) assertEquals((await sendPage(pages[path]!)).status, 200, path);
  }
});
