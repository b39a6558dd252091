import { makerOf, originOf } from "../../lib/experiment/origin.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { VERSION } from "../../lib/experiment/run.ts";
import { provenanceOf } from "../../lib/provenance/mod.ts";
import { assertEquals, assertThrows, UserError } from "../support.ts";

const invocation = (flags: Record<string, string>) => ({ config: resolveConfig(undefined, []), flags, overrides: [] });
const STAGE = { inputs: { base: "b1", cwm: "a2" }, digest: "d3" };

Deno.test("originOf() names base and adapter of the stage, nothing with --provenance=false, and refuses other values", () => {
  const known = { action: "open it", seed: 3, base: "b1", version: VERSION };
  assertEquals(provenanceOf(originOf(invocation({}), STAGE, "cwm")("open it", 3, 1)!), { ...known, adapter: "a2", candidate: 1 });
  assertEquals(provenanceOf(originOf(invocation({ provenance: "true" }), STAGE, "none")("open it", 3)!), known);
  assertEquals(provenanceOf(originOf(invocation({}), STAGE, "trained")(["open it", "shut it"], 3)!), {
    ...{ ...known, action: "open it | shut it", adapter: "of the training d3" },
  });
  assertEquals(originOf(invocation({ provenance: "false" }), STAGE, "cwm")("open it", 3), undefined);
  assertThrows(() => originOf(invocation({ provenance: "no" }), STAGE, "cwm"), UserError, "give true or false");
});

Deno.test("makerOf() gives what stands in every picture of a stage, or nothing", () => {
  assertEquals(makerOf(invocation({}), STAGE, "cwm"), { base: "b1", adapter: "a2", version: VERSION });
  assertEquals(makerOf(invocation({ provenance: "false" }), STAGE, "cwm"), undefined);
});
