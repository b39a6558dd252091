import { encodePng } from "../../lib/tokens/mod.ts";
import { batchItems, encodeTrajectories, readAurora, recognitionWeights } from "../../lib/trajectories/mod.ts";
import { describeProblems } from "../../lib/trajectories/aurora.ts";
import { packPath } from "../../lib/trajectories/token_cache.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { observationOf } from "../../lib/world/dataset.ts";
import { assert, assertClose, assertEquals, assertThrows, engine, sharedData, UserError, withFolder } from "../support.ts";

await engine();
const shared = sharedData();
const REFERENCE = new URL("../parity/reference", import.meta.url).pathname;

Deno.test({
  name: "readAurora() reads the 100 real triplets, 20 of each subset",
  ignore: !shared,
  fn() {
    const { trajectories, problems } = readAurora(`${shared}/aurora-bench/test.json`);
    assertEquals(problems, []);
    const counts = Object.groupBy(trajectories, ({ subset }) => subset);
    assertEquals(Object.entries(counts).map(([subset, list]) => [subset, list?.length]), [
      ...[["magicbrush", 20], ["ag", 20], ["something", 20], ["whatsup", 20], ["kubric", 20]],
    ]);
  },
});

Deno.test({
  name: "readAurora() reports every missing picture of the real training lists at once",
  ignore: !shared,
  fn() {
    const { trajectories, problems } = readAurora(`${shared}/train-json/ag/train.json`);
    assertEquals([trajectories.length, problems.length, problems[0]!.id], [0, 200, "ag-0"]);
    const text = describeProblems(problems, 200);
    assert(text.startsWith("200 of 200 trajectories cannot be used") && text.endsWith("and 190 more"), text);
  },
});

Deno.test("readAurora() names what each bad entry lacks, and reads lists of instructions", () =>
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a.png`, "");
    const entries = [
      { input: "a.png", output: "../../a.png", instruction: ["first", "second"], task: "x" },
      { input: "a.png", instruction: "no target" },
      { input: "a.png", output: "a.png", instruction: "  " },
      { input: "b.png", output: "a.png", instruction: "gone" },
      7,
    ];
    Deno.writeTextFileSync(`${folder}/list.json`, JSON.stringify(entries));
    const { trajectories, problems } = readAurora(`${folder}/list.json`);
    assertEquals(trajectories.map(({ id, action }) => [id, action]), [["x-0", "first"]]);
    assertEquals(problems.map(({ reason }) => reason), [
      ...['it has no target image ("output")', "it has no instruction"],
      '"b.png" not found below the list\'s folder or one of the three above it',
      "it has no instruction",
    ]);
    Deno.writeTextFileSync(`${folder}/empty.json`, "[]");
    assertThrows(() => readAurora(`${folder}/empty.json`), UserError, "the list is empty");
    Deno.writeTextFileSync(`${folder}/object.json`, "{}");
    assertThrows(() => readAurora(`${folder}/object.json`), UserError, "it must hold a JSON list");
  }));

Deno.test("encodeTrajectories() gives the same from the cache, mends a cut-off file, and reports broken images", () =>
  withFolder(async (folder) => {
    const model = loadModel(REFERENCE, "float32");
    const trajectories = worldTrajectories("default", 1, "train", 5);
    const fresh = await encodeTrajectories(trajectories, model.vqgan, folder);
    const cached = await encodeTrajectories(trajectories, model.vqgan, folder);
    assertEquals(cached.encoded, fresh.encoded);
    const path = packPath(folder, model.vqgan);
    Deno.truncateSync(path, Deno.statSync(path).size - 3);
    assertEquals((await encodeTrajectories(trajectories, model.vqgan, folder)).encoded, fresh.encoded);
    const broken = {
      ...observationOf("broken", { background: { tone: "white", pattern: "plain" }, objects: [], camera: [0, 0] }),
      key: () => Promise.resolve("k"),
      load: () => Promise.reject(new Error("Cannot read x")),
    };
    const { encoded, problems } = await encodeTrajectories(
      [{ ...trajectories[0]!, target: broken }, trajectories[1]!],
      model.vqgan,
      folder,
    );
    assertEquals([encoded.length, problems], [1, [{ id: trajectories[0]!.id, reason: "Cannot read x" }]]);
    disposeModel(model);
  }));

Deno.test("recognitionWeights() has mean 1, keeps its floor, and is flat where nothing changes", () => {
  const weights = recognitionWeights([0, 0, 1, 7], { weights: "l2", normalise: "mean", floor: 0.1 });
  assertClose([weights.reduce((a, b) => a + b, 0) / 4, weights[0]!], [1, 0.1], 1e-6);
  assertEquals([...recognitionWeights([0, 0], { weights: "l2", normalise: "mean", floor: 0.1 })], [1, 1]);
  assertEquals([...recognitionWeights([3, 5], { weights: "none", normalise: "mean", floor: 0 })], [1, 1]);
  assertEquals([...recognitionWeights([3, 5], { weights: "l2", normalise: "none", floor: 0 })], [3, 5]);
});

Deno.test("batchItems() takes every item once an epoch, in another order each", () => {
  const items = [0, 1, 2, 3, 4];
  const drawn = Array.from({ length: 5 }, (_, i) => batchItems(items, 1, 2, i)).flat();
  assertEquals([drawn.slice(0, 5).sort(), drawn.slice(5).sort()], [items, items]);
  assert(`${drawn.slice(0, 5)}` !== `${drawn.slice(5)}`);
  assertEquals(batchItems(items, 1, 2, 3), batchItems(items, 1, 2, 3));
});

Deno.test("readAurora() opens nothing outside its folders, no pipe and no device, and reads a byte order mark", () =>
  withFolder(async (folder) => {
    const inside = `${folder}/a/b/c/d/set`;
    Deno.mkdirSync(inside, { recursive: true });
    const png = await encodePng({ width: 2, height: 2, data: new Uint8Array(12) });
    Deno.writeFileSync(`${inside}/ok.png`, png);
    Deno.writeFileSync(`${folder}/secret.png`, png);
    Deno.symlinkSync(`${folder}/secret.png`, `${inside}/link.png`);
    Deno.symlinkSync(`${inside}/ok.png`, `${inside}/near.png`);
    Deno.symlinkSync("/dev/zero", `${inside}/zero.png`);
    await new Deno.Command("mkfifo", { args: [`${inside}/pipe.png`] }).output();
    const names = [
      "ok.png",
      "near.png",
      "link.png",
      "zero.png",
      "pipe.png",
      `${folder}/secret.png`,
      "../../../../../secret.png",
      "C:\\ok.png",
      ".",
    ];
    const list = names.map((input) => ({ input, output: "ok.png", instruction: "go", task: "../../../etc/\u001b[2J" }));
    Deno.writeTextFileSync(`${inside}/list.json`, "\ufeff" + JSON.stringify(list));
    const { trajectories, problems } = readAurora(`${inside}/list.json`);
    assertEquals([trajectories.length, problems.length], [2, 7]);
    assert(problems.every(({ reason }) => reason.includes("not found below the list's folder")), JSON.stringify(problems));
    assert([...trajectories, ...problems].every(({ id }) => /^[\w.-]+$/.test(id) && !id.includes("/")), trajectories[0]!.id);
  }));
