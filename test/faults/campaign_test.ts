import { UserError } from "../../lib/errors.ts";
import { assert, assertEquals, withFolder } from "../support.ts";
import { readMutated, wholeFiles } from "./campaign.ts";
import { mutated } from "./mutations.ts";
import { KINDS, outcomeOf } from "./read_mutated.ts";

Deno.test("mutated() changes a file, the same way for a seed, and leaves the whole one alone", () => {
  const whole = new TextEncoder().encode(JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ number: i, name: `n${i}` }))));
  const copy = whole.slice();
  const changed = Array.from({ length: 200 }, (_, seed) => mutated(whole, "list", seed));
  assertEquals(whole, copy);
  assertEquals(mutated(whole, "list", 7), changed[7]!);
  assert(changed.filter((bytes) => `${bytes}` !== `${whole}`).length > 190);
  assertEquals(mutated(new Uint8Array(0), "empty", 3).length <= 256, true);
});

Deno.test("outcomeOf() tells a refusal from what a campaign is after", async () => {
  const outcome = (error: unknown) =>
    outcomeOf(() => {
      throw error;
    });
  assertEquals(await outcomeOf(() => {}), {});
  assertEquals(await outcome(new UserError("Cannot read it")), { refused: "Cannot read it" });
  assert((await outcome(new TypeError("x is undefined"))).wrong?.startsWith("no UserError: TypeError"));
  assert((await outcome(new UserError("x".repeat(2000)))).wrong?.startsWith("2000 characters"));
});

Deno.test("readMutated() reads what it can, counts what is refused, and names the file that ends a process", () =>
  withFolder(async (folder) => {
    await wholeFiles(`${folder}/sound`);
    const sound = await readMutated(`${folder}/sound`, "png", 0, 25);
    assertEquals([sound.files, sound.wrong], [25, []]);
    assert(sound.refused > 0 && sound.refused < 25, `${sound.refused}`);
    Deno.removeSync(`${folder}/sound/${KINDS["aurora"]!.file}`);
    const { wrong } = await readMutated(`${folder}/sound`, "aurora", 5, 1); // it cannot even be opened
    assertEquals(wrong, [{ seed: 5, wrong: "the process ended with code 1" }]);
  }));
