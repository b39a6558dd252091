import { drawGroups, encodeGroups, makeGroups } from "../../lib/pretrain/stages.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { encodePictures } from "../../lib/tokens/mod.ts";
import { renderScenes, type Scene } from "../../lib/world/mod.ts";
import { alikeScenes } from "../../lib/world/documents.ts";
import { assert, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const config = (seed: string) => resolveConfig(undefined, [{ key: "pretrain.groups", value: "40" }, { key: "seed", value: seed }]);

Deno.test("makeGroups() gives groups of two or more, those that begin with fewest objects first, the same for a seed", () => {
  const groups = makeGroups(config("1"), alikeScenes);
  assert(groups.length > 20 && groups.every(({ length }) => length >= 2));
  const counts = groups.map(([first]) => first!.objects.length);
  assertEquals(counts, counts.toSorted((a, b) => a - b));
  assertEquals(makeGroups(config("1"), alikeScenes), groups);
  assert(JSON.stringify(makeGroups(config("2"), alikeScenes)) !== JSON.stringify(groups));
  const single = makeGroups(config("1"), (...args) => alikeScenes(...args).slice(0, 1));
  assertEquals(single, []);
});

Deno.test("drawGroups() and encodeGroups() keep scenes in their groups, whatever the groups' sizes", () =>
  withoutLeaks(async () => {
    const model = loadModel(TINY, "float32");
    const all = makeGroups(config("1"), alikeScenes).flat();
    const groups: Scene[][] = [all.slice(0, 3), all.slice(3, 4), all.slice(4, 6)];
    const pictures = await drawGroups(groups);
    assertEquals(pictures.map(({ length }) => length), [3, 1, 2]);
    assertEquals(pictures[2]![1], (await renderScenes([all[5]!]))[0]!);
    const encoded = encodeGroups(model.vqgan, groups, pictures);
    assertEquals(encoded.map((group) => group.map(({ scene }) => scene)), groups);
    const codes = encodePictures(model.vqgan, pictures.flat());
    assertEquals(encoded.flat().map((one) => [...Array.from(one.codes)]), codes);
    disposeModel(model);
  }));
