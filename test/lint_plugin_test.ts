import plugin, { AREAS, circleThrough, importProblem, taskProblem } from "./lint_plugin.ts";
import { assert, assertEquals, withFolder } from "./support.ts";

const ROOT = new URL("..", import.meta.url).pathname;

function sources(folder: string): string[] {
  return [...Deno.readDirSync(`${ROOT}${folder}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? sources(`${folder}/${name}`) : name.endsWith(".ts") ? [`${folder}/${name}`] : []
  );
}

Deno.test("importProblem() lets areas import from those before them alone", () => {
  const from = "/x/lib/model/a.ts";
  assertEquals(importProblem(from, "../engine/mod.ts"), undefined);
  assertEquals(importProblem(from, "./b.ts"), undefined);
  assertEquals(importProblem(from, "../files.ts"), undefined);
  assertEquals(importProblem(from, "../train/mod.ts"), "lib/model may not import from lib/train, which comes after it");
  assertEquals(importProblem(from, "../cli.ts"), 'lib/model may not import "../cli.ts" from above it');
  assertEquals(importProblem(from, "../../tasks/a.ts"), 'lib/model may import from lib alone, found "../../tasks/a.ts"');
});

Deno.test("every import of the library points to an earlier area", () => {
  const problems = sources("lib").flatMap((path) =>
    [...Deno.readTextFileSync(`${ROOT}${path}`).matchAll(/from "([^"]+)"/g)]
      .map(([, source]) => importProblem(`${ROOT}${path}`, source!))
      .filter((problem) => problem !== undefined)
  );
  assertEquals(problems, []);
  assert(AREAS.length > 5);
});

Deno.test("library files have at most 400 lines, tasks 200", () => {
  const long = [...sources("lib").map((path) => [path, 400] as const), ...sources("tasks").map((path) => [path, 200] as const)]
    .filter(([path, most]) => Deno.readTextFileSync(`${ROOT}${path}`).split("\n").length > most + 1);
  assertEquals(long, []);
});

Deno.test("circleThrough() finds the circle that an import closes, through types and exports, and none in comments", () =>
  withFolder((folder) => {
    const write = (name: string, text: string) => Deno.writeTextFileSync(`${folder}/${name}`, text);
    write("a.ts", 'import { b } from "./b.ts";\n');
    write("b.ts", 'export * from "./c.ts";\nimport { e } from "./e.ts";\n');
    write("c.ts", 'import type {\n  A,\n} from "./a.ts";\n');
    write("d.ts", ' * import { a } from "./a.ts";\nimport "./e.ts";\n');
    write("h.ts", 'import "./h.ts";\n');
    write("e.ts", 'import { x } from "somewhere";\nimport { gone } from "./gone.ts";\n');
    write("f.ts", 'type G = typeof import("./g.ts");\n');
    write("g.ts", 'export { f } from "./f.ts";\n');
    const circle = (from: string, source: string) =>
      circleThrough(`${folder}/${from}`, source)?.map((path) => path.slice(folder.length + 1)).join(" ");
    assertEquals(circle("a.ts", "./b.ts"), "a.ts b.ts c.ts a.ts");
    assertEquals(circle("c.ts", "./a.ts"), "c.ts a.ts b.ts c.ts");
    assertEquals([circle("g.ts", "./f.ts"), circle("h.ts", "./h.ts")], ["g.ts f.ts g.ts", "h.ts h.ts"]);
    assertEquals([circle("b.ts", "./e.ts"), circle("a.ts", "./d.ts"), circle("a.ts", "a.ts")], [undefined, undefined, undefined]);
    const lint = (name: string) =>
      Deno.lint.runPlugin(plugin, `${folder}/${name}`, Deno.readTextFileSync(`${folder}/${name}`)).map(({ id }) => id);
    assertEquals([lint("c.ts"), lint("g.ts"), lint("e.ts")], [["worldstrap/no-import-circle"], ["worldstrap/no-import-circle"], []]);
  }));

Deno.test("taskProblem() keeps tasks apart", () => {
  assertEquals(taskProblem("/x/tasks/a.ts", "../lib/b.ts"), undefined);
  assertEquals(taskProblem("/x/test/a.ts", "../tasks/b.ts"), undefined);
  assertEquals(taskProblem("/x/tasks/a.ts", "./b.ts"), 'A task may not import another, found "./b.ts": what both need belongs to lib');
});
