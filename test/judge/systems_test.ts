import { openSystem } from "../../lib/judge/mod.ts";
import { provenanceXmp } from "../../lib/provenance/mod.ts";
import { decodeImage, encodePng, type RgbImage } from "../../lib/tokens/mod.ts";
import { fileObservation } from "../../lib/trajectories/aurora.ts";
import { assertEquals, assertRejects, assertThrows, withFolder } from "../support.ts";

const XMP = provenanceXmp({ action: "go", seed: 1, base: "b", version: "0.1.0" });

const flat = (value: number, width = 4, height = 4): RgbImage => ({ width, height, data: new Uint8Array(3 * width * height).fill(value) });

Deno.test("openSystem() finds predictions by list and by name, and none outside its folder", () =>
  withFolder(async (folder) => {
    Deno.mkdirSync(`${folder}/own/images`, { recursive: true });
    Deno.writeFileSync(`${folder}/own/images/ag-0.png`, await encodePng(flat(7), XMP));
    Deno.writeFileSync(`${folder}/secret.png`, await encodePng(flat(9)));
    Deno.writeTextFileSync(`${folder}/own/images/ag-2.png`, "no picture");
    const listed = [{ id: "ag-1", image: "images/ag-0.png" }, { id: "ag-3", image: "../secret.png" }, {
      id: "ag-4",
      image: `${folder}/secret.png`,
    }];
    Deno.writeTextFileSync(`${folder}/own/predictions.json`, JSON.stringify(listed));
    const image = fileObservation(`${folder}/secret.png`);
    const of = (id: string) => ({ id, subset: "ag", source: image, action: "go", target: image });
    const system = openSystem(`mine=${folder}/own`);
    assertEquals(system.name, "mine");
    assertEquals([(await system.predict(of("ag-0")))!.data[0], (await system.predict(of("ag-1")))!.data[0]], [7, 7]);
    for (const id of ["ag-3", "ag-4", "ag-5"]) assertEquals(await system.predict(of(id)), undefined);
    const origins = [system.xmp(of("ag-1")), system.xmp(of("ag-3")), openSystem("copy").xmp(of("ag-0"))];
    assertEquals(await Promise.all(origins), [XMP, undefined, undefined]);
    const keys = await Promise.all(["ag-0", "ag-1", "ag-2", "ag-3"].map((id) => system.key(of(id))));
    assertEquals([keys[1] === keys[0], keys[2] === keys[0], typeof keys[2], keys[3]], [true, false, "string", undefined]);
    assertEquals(await openSystem("copy").key(of("ag-0")), await image.key());
    await assertRejects(() => system.predict(of("ag-2")), Error, "as an image");
    assertEquals(
      (await openSystem("copy").predict(of("x")))!.data[0],
      (await decodeImage(Deno.readFileSync(`${folder}/secret.png`), "")).data[0],
    );
    const other = '{"id": "ag-1", "image": "images/ag-0.png", "action": "stop"}'; // drawn for another list, whose places the ids count
    Deno.writeTextFileSync(`${folder}/own/predictions.jsonl`, other);
    await assertRejects(
      () => openSystem(`mine=${folder}/own`).predict(of("ag-1")),
      Error,
      'it is of the action "stop", and the bench has "go"',
    );
    const lines = '{"id": "ag-6", "image": "images/ag-2.png"}\n{"id": "ag-1", "image": "images/ag-0.png"}'; // another program's
    Deno.writeTextFileSync(`${folder}/own/predictions.jsonl`, lines);
    assertEquals((await openSystem(`${folder}/own`).predict(of("ag-1")))!.data[0], 7);
    assertEquals(Deno.readTextFileSync(`${folder}/own/predictions.jsonl`), lines);
    for (const name of ["ag-0@1", "跳-7"]) Deno.writeFileSync(`${folder}/own/${name}.png`, await encodePng(flat(8)));
    for (const id of ["ag-0@1", "跳-7"]) assertEquals((await system.predict(of(id)))!.data[0], 8);
    assertThrows(() => openSystem(`${folder}/nowhere`), Error, "there is no folder");
  }));
