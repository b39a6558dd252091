import { escapeHtml, galleryHtml } from "../../lib/report/gallery.ts";
import type { AnnotatedTrajectory } from "../../lib/synthesis/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

Deno.test("escapeHtml() leaves no character that could open a tag, an attribute or an entity", () => {
  const hostile = `<script>alert("1")</script>&'\x00\ud800`;
  assertEquals(escapeHtml(hostile), "&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;\ufffd\ufffd");
  assertEquals(escapeHtml("Zürich 👍"), "Zürich 👍");
});

Deno.test("galleryHtml() holds its pictures, escapes every text, and asks for nothing", () =>
  withFolder((folder) => {
    Deno.writeFileSync(`${folder}/a.png`, Uint8Array.of(1, 2, 3));
    Deno.writeFileSync(`${folder}/b.png`, Uint8Array.of(4, 5, 6));
    const of = (right?: boolean) =>
      ({
        ...{ id: "1", source: "a.png", target: "b.png", action: "<b>roll</b>", score: -1.23456, label: "<i>", video: "v'1" },
        ...(right !== undefined && { right }),
      }) as AnnotatedTrajectory;
    const html = galleryHtml("<title>", folder, [{ title: "kept & good", trajectories: [of(true), of(false), of()] }, {
      title: "none",
      trajectories: [],
    }]);
    assertEquals(html.match(/data:image\/png;base64,AQID/g)?.length, 3); // base64 of 1, 2, 3
    assertEquals(html.match(/data:image\/png;base64,BAUG/g)?.length, 3);
    assertEquals([html.match(/ · right</g)?.length, html.match(/ · wrong</g)?.length], [1, 1]);
    for (
      const text of ["&#60;b&#62;roll&#60;/b&#62;", "-1.235", "&#60;i&#62;", "v&#39;1", "kept &#38; good", "<h1>&#60;title&#62;</h1>"]
    ) assert(html.includes(text), text);
    assert(!/<script|https?:|<b>roll|src="(?!data:)/.test(html), html);
  }));
