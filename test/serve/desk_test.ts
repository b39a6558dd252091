import { openDesk, type Told } from "../../lib/serve/desk.ts";
import type { Question } from "../../lib/serve/questions.ts";
import { assertEquals } from "../support.ts";

const source = { picture: { width: 1, height: 1, data: new Uint8Array(3) } };
const draw = (action: string, side: "cwm" | "other" = "cwm"): Question => ({ kind: "imagine", side, source, action, seed: 1 });
const actionsOf = (questions: readonly Question[]) =>
  questions.map((question) => question.kind === "imagine" ? question.action : "describe");

/** A desk whose batches' numbers that nobody wants are noted, and somebody who asks and notes what is told. */
function openTestDesk(together: number) {
  const unwanted: number[] = [];
  const desk = openDesk(together, (batch) => void unwanted.push(batch));
  const ask = (person: string, question: Question) => {
    const told: Told[] = [];
    return { told, back: desk.ask({ person, tree: person }, question, (one) => void told.push(one)) };
  };
  return { desk, ask, unwanted };
}

Deno.test("a desk answers those together who wait together, of one kind and one model, and tells each what is theirs", async () => {
  const { desk, ask } = openTestDesk(3);
  const asked = [ask("a", draw("a1")), ask("b", draw("b1", "other")), ask("c", draw("c1")), ask("d", draw("d1")), ask("e", draw("e1"))];
  const first = await desk.next();
  assertEquals([first.number, actionsOf(first.questions)], [1, ["a1", "c1", "d1"]]);
  desk.grow([1, 2, 3].map((rows) => ({ pictures: [], rows })));
  desk.answer([1, 2, 3].map((n) => ({ error: `${n}` })));
  assertEquals(
    asked[2]!.told,
    [{ place: 2 }, { begun: true }, { growth: { pictures: [], rows: 2 } }, { answer: { error: "2" } }].flatMap((one) =>
      "place" in one ? Array(3).fill(one) : [one]
    ),
  );
  assertEquals([actionsOf((await desk.next()).questions), desk.load({ person: "b", tree: "b" })], [["b1"], { tree: 1, own: 1, all: 2 }]);
});

Deno.test("a desk says how many are before somebody, also while a batch runs and when others go away", async () => {
  const { desk, ask } = openTestDesk(2);
  const places = (told: readonly Told[]) => told.flatMap((one) => "place" in one ? [one.place] : []);
  const [a, b, c] = [ask("a", draw("a1")), ask("b", draw("b1")), ask("c", draw("c1"))];
  assertEquals([a, b, c].map(({ told }) => places(told).at(-1)), [0, 1, 2]);
  await desk.next();
  assertEquals(places(c.told).at(-1), 2); // both that run are before it
  a.back();
  assertEquals(places(c.told).at(-1), 1);
  const d = ask("d", draw("d1"));
  assertEquals(places(d.told), [2]);
  c.back();
  assertEquals(places(d.told), [2, 1]);
});

Deno.test("a desk with nothing to do begins as soon as somebody asks", async () => {
  const { desk, ask } = openTestDesk(2);
  const next = desk.next();
  ask("a", draw("a1"));
  assertEquals(actionsOf((await next).questions), ["a1"]);
});

Deno.test("a question that is taken back is told nothing more; only a batch that nobody wants is unwanted", async () => {
  const { desk, ask, unwanted } = openTestDesk(2);
  const [a, b, waiting] = [ask("a", draw("a1")), ask("b", draw("b1")), ask("c", draw("c1"))];
  await desk.next();
  waiting.back();
  a.back();
  const before = a.told.length;
  assertEquals([unwanted, desk.load({ person: "a", tree: "a" }).own], [[], 0]);
  desk.grow([{ pictures: [], rows: 1 }, { pictures: [], rows: 1 }]);
  assertEquals(a.told.length, before);
  b.back();
  assertEquals(unwanted, [1]);
  desk.answer([{ error: "Cancelled." }, { error: "Cancelled." }]);
  assertEquals([a.told, b.told].map((told) => told.some((one) => "answer" in one)), [false, false]);
  const next = desk.next();
  const d = ask("d", draw("d1"));
  assertEquals(actionsOf((await next).questions), ["d1"]); // c went away before
  d.back();
  assertEquals(unwanted, [1, 2]);
});
