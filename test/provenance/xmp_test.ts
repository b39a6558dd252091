import { type Provenance, provenanceOf, provenanceText, provenanceXmp } from "../../lib/provenance/mod.ts";
import { assert, assertEquals } from "../support.ts";

const ORIGIN: Provenance = { action: 'put <it> left & "say"\n🙂', seed: 7, base: "b1", adapter: "a2", candidate: 3, version: "0.1.0" };

Deno.test("an origin goes through XMP unchanged, and characters that XML forbids are replaced", () => {
  assertEquals(provenanceOf(provenanceXmp(ORIGIN)), ORIGIN);
  const { adapter: _, candidate: __, ...plain } = ORIGIN;
  assertEquals(provenanceOf(provenanceXmp(plain)), plain);
  assertEquals(provenanceOf(provenanceXmp({ ...ORIGIN, action: "a\u0000b\ud800c" }))!.action, "a\ufffdb\ufffdc");
  assert(provenanceText(plain).includes("none, the base alone"));
});

Deno.test("XMP of others, or cut short, is no origin", () => {
  const xmp = provenanceXmp(ORIGIN);
  for (
    const text of [
      "",
      "<x:xmpmeta/>",
      xmp.replace('Worldstrap"', 'Other"'),
      xmp.replace("trained", "un"),
      xmp.replace(' worldstrap:Seed="7"', ' worldstrap:Seed="x"'),
    ]
  ) {
    assertEquals(provenanceOf(text), undefined, text);
  }
  for (let length = 0; length < xmp.length; length += 7) provenanceOf(xmp.slice(0, length)); // never throws
});
