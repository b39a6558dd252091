import { fullCaption, onlyIn } from "../../lib/world/captions.ts";
import { assertEquals } from "../support.ts";

const object = { shape: "circle", colour: "red", size: "large", turn: 0, row: 2, column: 0, offset: [0, 0] } as const;

Deno.test("fullCaption() reads row by row, onlyIn() says what the other lacks", () => {
  const other = { ...object, colour: "blue", row: 0 } as const;
  const background = { tone: "grey", pattern: "plain" } as const;
  const [both, one] = [[object, other], [other]].map((objects) => ({ background, objects, camera: [0, 0] as const }));
  assertEquals(fullCaption(both!), "blue circle top left, red circle bottom left");
  assertEquals([onlyIn(both!, one!), onlyIn(one!, both!)], ["red circle bottom left", "nothing"]);
});
