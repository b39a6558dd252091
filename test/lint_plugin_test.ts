import { AREAS, importProblem } from "./lint_plugin.ts";
import { assert, assertEquals } from "./support.ts";

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
