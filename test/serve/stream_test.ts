import type { Asker, Desk, Told } from "../../lib/serve/desk.ts";
import type { Question } from "../../lib/serve/questions.ts";
import { streamTold } from "../../lib/serve/stream.ts";
import { assertEquals } from "../support.ts";

const picture = { width: 1, height: 1, data: new Uint8Array(3) };
const question: Question = { kind: "describe", source: { picture }, target: { picture } };

/** A desk that is driven by hand. */
function handDesk() {
  let tell: (told: Told) => void = () => {};
  const back = { count: 0 };
  const desk = {
    ask: (_: Asker, __: Question, to: typeof tell) => {
      tell = to;
      return () => void back.count++;
    },
  } as unknown as Desk;
  return { desk, back, tell: (told: Told) => tell(told) };
}

Deno.test("streamTold() writes a line for each thing told, and the kept answer last", async () => {
  const { desk, tell, back } = handDesk();
  const response = streamTold(desk, { person: "a", tree: "t" }, question, (answer) => Promise.resolve({ kept: answer }));
  tell({ place: 1 });
  tell({ begun: true });
  tell({ answer: { action: "x", logLikelihood: -1 } });
  const lines = (await response.text()).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines, [{ place: 1 }, { begun: true }, { kept: { action: "x", logLikelihood: -1 } }]);
  assertEquals([response.headers.get("content-type"), back.count], ["application/x-ndjson", 0]);
});

Deno.test("streamTold() shows one set of rows at a time, however fast they come", async () => {
  const { desk, tell } = handDesk();
  const response = streamTold(desk, { person: "a", tree: "t" }, question, () => Promise.resolve({ end: true }));
  for (const rows of [1, 2, 3]) tell({ growth: { pictures: [picture], rows } });
  await new Promise((done) => setTimeout(done, 100));
  tell({ growth: { pictures: [picture], rows: 4 } });
  await new Promise((done) => setTimeout(done, 100));
  tell({ answer: { error: "" } });
  const lines = (await response.text()).trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ rows }) => rows), [1, 4, undefined]);
});

Deno.test("streamTold() takes the question back when nobody reads any more, and keeps nothing of what comes after", async () => {
  const { desk, tell, back } = handDesk();
  const response = streamTold(desk, { person: "a", tree: "t" }, question, () => Promise.resolve({ end: true }));
  tell({ place: 0 });
  await response.body!.cancel();
  assertEquals(back.count, 1);
  tell({ growth: { pictures: [picture], rows: 1 } }); // on its way already
  await new Promise((done) => setTimeout(done, 50));
});
