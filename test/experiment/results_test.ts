import { FILTER_RESULT, readResult, RESULT, type Result, TRAINING_RESULT } from "../../lib/experiment/results.ts";
import { assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const TRAINING = { kind: "training", steps: 9, loss: { first: 7, last: 2.5 }, tokensPerSecond: 100, trajectories: 4 } as const;

function write(folder: string, result: unknown): void {
  Deno.writeTextFileSync(`${folder}/result.json`, JSON.stringify(result));
}

Deno.test("readResult() reads what was written, by its own schema and by that of any stage", () =>
  withFolder((folder) => {
    write(folder, TRAINING);
    assertEquals(readResult(folder, TRAINING_RESULT), TRAINING);
    assertEquals(readResult<Result>(folder, RESULT), TRAINING);
  }));

Deno.test("readResult() says that a run is not finished, is another stage's, or is not what this version writes", () =>
  withFolder((folder) => {
    assertThrows(() => readResult(folder, RESULT), UserError, `Cannot use ${folder}: it holds no finished run`);
    write(folder, TRAINING);
    assertThrows(
      () => readResult(folder, FILTER_RESULT),
      UserError,
      'it is a run of another task, as its result is of the kind "training"',
    );
    const broken: readonly (readonly [object, string])[] = [
      [{ loss: { first: 1, last: null } }, '"loss.last"'], // what JSON makes of NaN
      [{ steps: "9" }, '"steps"'],
      [{ kind: "nothing" }, '"kind"'],
    ];
    for (const [change, said] of broken) {
      write(folder, { ...TRAINING, ...change });
      assertThrows(
        () => readResult(folder, RESULT),
        UserError,
        `${said} is not what this version writes; run the stage again with --restart`,
      );
    }
    write(folder, { ...TRAINING, more: 1 });
    assertThrows(() => readResult(folder, RESULT), UserError, "run the stage again");
    Deno.writeTextFileSync(`${folder}/result.json`, "{");
    assertThrows(() => readResult(folder, RESULT), UserError, "as JSON");
  }));

Deno.test("shares in results lie between 0 and 1, and null where nothing is known", () => {
  const filter = { kind: "filter", annotated: 2, filtered: 1, right: { annotated: 0.5, filtered: null }, classes: [], datasets: [] };
  assertEquals(RESULT.parse(filter), filter as Result);
  assertThrows(() => RESULT.parse({ ...filter, right: { annotated: 50, filtered: null } }));
});
