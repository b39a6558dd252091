import { type Candidate, groupPools, readCandidatePicture, readCandidates, resumeCandidates } from "../../lib/judge/candidates.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { assertEquals, assertRejects, assertThrows, UserError, withFolder } from "../support.ts";

const candidate = (more: Partial<Candidate>): Candidate => ({
  ...{ id: "ag-1", subset: "ag", repeat: 0, index: 0, seed: 1, image: "images/a.png", logLikelihood: -1 },
  ...{ chosen: false, scores: { world: 3 }, right: null, ...more },
});
const lineOf = (one: unknown) => JSON.stringify(one) + "\n";

Deno.test("readCandidates() reads what was written and leaves a torn line, resumeCandidates() takes it off; none where there is no file", () =>
  withFolder((folder) => {
    assertEquals([readCandidates(folder), resumeCandidates(folder)], [[], []]);
    const path = `${folder}/candidates.jsonl`;
    const two = [candidate({}), candidate({ index: 1, system: "CWM", unscored: "refused" })];
    const torn = two.map(lineOf).join("") + '{"id": "ag';
    Deno.writeTextFileSync(path, torn);
    assertEquals([readCandidates(folder), Deno.readTextFileSync(path)], [two, torn]);
    assertEquals([resumeCandidates(folder), Deno.readTextFileSync(path)], [two, two.map(lineOf).join("")]);
  }));

Deno.test("readCandidates() names the line and the field that are not right", () =>
  withFolder((folder) => {
    for (const [more, field] of [[{ index: -1 }, "index"], [{ scores: { a: "x" } }, "scores.a"], [{ id: 3 }, "id"]] as const) {
      Deno.writeTextFileSync(`${folder}/candidates.jsonl`, lineOf(candidate({})) + lineOf({ ...candidate({}), ...more }));
      assertThrows(() => readCandidates(folder), UserError, `Cannot use line 2 of ${folder}/candidates.jsonl: "${field}"`);
    }
  }));

Deno.test("readCandidatePicture() reads below its folder alone", () =>
  withFolder(async (folder) => {
    const picture = { width: 2, height: 2, data: new Uint8Array(12).fill(7) };
    Deno.mkdirSync(`${folder}/run`);
    for (const path of [`${folder}/run/a.png`, `${folder}/b.png`]) Deno.writeFileSync(path, await encodePng(picture));
    assertEquals((await readCandidatePicture(`${folder}/run`, candidate({ image: "a.png" }))).width, 2);
    for (const image of ["../b.png", `${folder}/b.png`, "x/../../b.png"]) {
      await assertRejects(() => readCandidatePicture(`${folder}/run`, candidate({ image })), UserError, "it lies outside");
    }
    await assertRejects(() => readCandidatePicture(`${folder}/run`, candidate({ image: "none.png" })), UserError, "not there");
  }));

Deno.test("groupPools() keeps systems, trajectories and repeats apart, whatever their order", () => {
  const all = [candidate({ index: 1 }), candidate({ repeat: 1 }), candidate({ id: "ag-2" }), candidate({ system: "CWM" }), candidate({})];
  assertEquals(groupPools(all).map((pool) => pool.map(({ index }) => index)), [[0, 1], [0], [0], [0]]);
});
