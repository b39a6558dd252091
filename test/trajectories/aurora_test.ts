import { fileNameOf } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { readAurora } from "../../lib/trajectories/mod.ts";
import { describeProblems } from "../../lib/trajectories/aurora.ts";
import { saidOfEach } from "../faults/failing_files.ts";
import { assert, assertEquals, assertThrows, engine, sharedData, UserError, withFolder } from "../support.ts";

await engine();
const shared = sharedData();

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
    assertEquals(trajectories.map(({ id }) => fileNameOf(id)), trajectories.map(({ subset }, i) => `${subset}-${i}`));
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

Deno.test("readAurora() keeps subsets apart whose names are of any script", () =>
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a.png`, "");
    const tasks = ["跳", "走", "été", "my edits", "\u{20000}".repeat(70)];
    const entries = tasks.map((task) => ({ input: "a.png", output: "a.png", instruction: "go", task }));
    Deno.writeTextFileSync(`${folder}/list.json`, JSON.stringify(entries));
    const { trajectories } = readAurora(`${folder}/list.json`);
    assertEquals(trajectories.map(({ subset }) => subset), ["跳", "走", "été", "my_edits", "\u{20000}".repeat(64)]);
    assertEquals(trajectories.map(({ id }) => id).slice(0, 2), ["跳-0", "走-1"]);
  }));

Deno.test("readAurora() takes no picture for missing when the disk fails", () =>
  withFolder((folder) => {
    for (const name of ["a", "b"]) Deno.writeTextFileSync(`${folder}/${name}.png`, "");
    Deno.writeTextFileSync(`${folder}/list.json`, JSON.stringify([{ input: "a.png", output: "b.png", instruction: "go" }]));
    const said = saidOfEach(folder, () => readAurora(`${folder}/list.json`));
    assertEquals(said.length, 4); // the list is looked for and read, two pictures are looked for
    assert(said.every((one) => one.startsWith("Cannot ") && one.includes("os error 5")), `${said}`);
  }));

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
