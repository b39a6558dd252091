import { open } from "../../lib/sample/mod.ts";
import { answerAll, type Growth, type Question } from "../../lib/serve/mod.ts";
import { decodeImage } from "../../lib/tokens/mod.ts";
import { assert, assertClose, assertEquals, withoutLeaks } from "../support.ts";
import { tinyExamples, tinyModels } from "./support.ts";

const models = await tinyModels(3);
const QUIET = { onGrowth: () => {}, isUnwanted: () => false };
const [first, second] = await Promise.all((await tinyExamples(2)).map(async ({ png, actions }) => ({
  picture: await decodeImage(png, "example"),
  action: actions[0]!,
})));
const ask = ({ picture, action }: typeof first & object, seed: number, side: "cwm" | "other" = "cwm"): Question => ({
  ...{ kind: "imagine", side, source: { picture }, action, seed },
});

Deno.test("answerAll() draws the candidates that imagine() draws for a seed, alone and in a batch of several people", async () => {
  const world = await open({ model: "data/tiny", precision: "float32" });
  const [alone] = answerAll(models, [ask(first!, 5)], QUIET);
  const together = answerAll(models, [ask(second!, 6), ask(first!, 5), ask(first!, 7)], QUIET);
  const imagined = await Array.fromAsync(world.imagine(first!.picture, first!.action, { candidates: 3, seed: 5 }));
  assert("candidates" in alone! && "candidates" in together[1]! && "candidates" in together[2]!);
  assertEquals(alone.candidates.map(({ distances: _, ...candidate }) => candidate), imagined.map((candidate) => ({ ...candidate })));
  assertEquals(together[1].candidates.map(({ codes }) => codes), imagined.map(({ codes }) => codes));
  assertClose(together[1].candidates.map((one) => one.logLikelihood), imagined.map((one) => one.logLikelihood), 1e-4);
  assert(together[2].candidates[0]!.codes.join() !== imagined[0]!.codes.join());
  const [next] = answerAll(models, [{ ...ask(second!, 5), source: alone.candidates[0]! } as Question], QUIET);
  const onward = await Array.fromAsync(world.imagine(imagined[0]!, second!.action, { candidates: 3, seed: 5 }));
  assert("candidates" in next!);
  assertEquals(next.candidates.map(({ codes }) => codes), onward.map(({ codes }) => codes));
  const [said] = answerAll(models, [{ kind: "describe", source: { picture: first!.picture }, target: alone.candidates[0]! }], QUIET);
  assert("action" in said! && said.logLikelihood < 0);
  assertEquals(said.action, await world.describe(first!.picture, imagined[0]!));
  world.close();
});

Deno.test("answerAll() says where a candidate differs, asks the second model where it is wanted, and leaves no tensor", () =>
  withoutLeaks(() => {
    const [mine] = answerAll(models, [ask(first!, 5)], QUIET);
    const [theirs] = answerAll(models, [ask(first!, 5, "other")], QUIET);
    assertEquals(theirs, mine); // both are the base here
    assert("candidates" in mine!);
    for (const { codes, distances } of mine.candidates) {
      assertEquals(distances.length, codes.length);
      assert(distances.some((value) => value > 0) && distances.every((value) => value >= 0));
    }
  }));

Deno.test("answerAll() tells of the first row at once, stops when nobody wants it any more, and lets no question spoil another", () =>
  withoutLeaks(() => {
    const told: (readonly Growth[])[] = [];
    const watching = { onGrowth: (growth: readonly Growth[]) => void told.push(growth), isUnwanted: () => told.length > 0 };
    assertEquals(answerAll(models, [ask(first!, 1), ask(second!, 2)], watching), [{ error: "Cancelled." }, { error: "Cancelled." }]);
    assertEquals(told.map((growth) => growth.map(({ rows, pictures }) => [rows, pictures.length])), [[[1, 3], [1, 3]]]);
    const long = { ...first!, action: "push the red circle to the left ".repeat(300) }; // of more tokens than the context holds
    const answers = answerAll(models, [ask(long, 1), ask(first!, 5)], QUIET);
    assert(
      "error" in answers[0]! && answers[0].error.startsWith("Cannot predict") && "candidates" in answers[1]!,
    );
  }));
