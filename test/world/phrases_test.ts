import { randomStream } from "../../lib/engine/random.ts";
import {
  type Action,
  applyAction,
  DIFFICULTIES,
  type DifficultyName,
  parseAction,
  sayAction,
  worldTrajectories,
} from "../../lib/world/mod.ts";
import { phrasingsOf } from "../../lib/world/phrases.ts";
import { assert, assertEquals } from "../support.ts";

const LEVELS = Object.keys(DIFFICULTIES) as DifficultyName[];
const red = { shape: "circle", colour: "red", size: "large", turn: 0, row: 0, column: 1, offset: [0, 0] } as const;

for (const level of LEVELS) {
  Deno.test(`every phrasing of ${level}'s actions means the action that it says`, () => {
    for (const { before, after, meaning } of worldTrajectories(level, 3, "train", 300)) {
      for (const phrasing of phrasingsOf(meaning)) {
        const understood = parseAction(phrasing);
        assert(understood, phrasing);
        const done = applyAction(before, understood)!;
        assertEquals(done.objects, after.objects, phrasing);
      }
    }
  });
}

Deno.test("parseAction() understands nothing that is not an action", () => {
  for (const text of ["", "red", "remove the red", "remove the red circle now please", "make the red circle tall", "<script>"]) {
    assertEquals(parseAction(text), undefined, text);
  }
});

Deno.test("sayAction() uses all phrasings", () => {
  const action: Action = { kind: "remove", object: red };
  const said = new Set(Array.from({ length: 50 }, (_, i) => sayAction(randomStream("say", i), action)));
  assertEquals([...said].sort(), phrasingsOf(action).sort());
});
