import { CONFIG } from "../../lib/experiment/schema.ts";
import { assert, assertEquals } from "../support.ts";

const NONE = CONFIG.parse({});

Deno.test("CONFIG fills in a whole configuration, which parses to itself", () => {
  assertEquals(CONFIG.parse(NONE), NONE);
  assertEquals(CONFIG.parse(JSON.parse(JSON.stringify(NONE))), NONE);
});

Deno.test("CONFIG refuses unknown keys at every depth, numbers out of range and names that are paths", () => {
  const wrong: readonly unknown[] = [
    { nope: 1 },
    { cwm: { nope: 1 } },
    { cwm: { lora: { nope: 1 } } },
    { cwm: { lora: { rank: 0 } } },
    { cwm: { lora: { targets: [] } } },
    { cwm: { lora: { targets: ["head"] } } },
    { cwm: { floor: 1.5 } },
    { cwm: { lr: -1 } },
    { cwm: { batch: 2.5 } },
    { sample: { temperature: -1 } },
    { verify: { topP: -0.1 } },
    { model: { precision: "float64" } },
    { data: { downsample: { kubric: 0 } } },
    { humanEval: { port: 65536 } },
    { serve: { port: 65536 } },
    { seed: -1 },
    { experiment: "../elsewhere" },
    { experiment: "" },
  ];
  for (const one of wrong) assert(!CONFIG.safeParse(one).success, JSON.stringify(one));
});

Deno.test("every section but the two plain keys says what it is for", () => {
  for (const [name, schema] of Object.entries(CONFIG.shape)) {
    assert(["experiment", "seed"].includes(name) || schema.description, `${name} says nothing`);
  }
});
