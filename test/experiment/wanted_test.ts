import { configKeys } from "../../lib/experiment/config.ts";
import { wantedAt } from "../../lib/experiment/wanted.ts";
import { assert } from "../support.ts";

Deno.test("wantedAt() has words for every key", () => {
  for (const key of configKeys()) {
    const words = wantedAt(key.split("."));
    assert(/^(a |true or|\{NAME|\w+(, \w+)* or \w+$)/.test(words) && !words.includes("undefined"), `${key}: ${words}`);
  }
});
