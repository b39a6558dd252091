import { encodeTrajectories } from "../../lib/trajectories/mod.ts";
import { packPath } from "../../lib/trajectories/token_cache.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { observationOf } from "../../lib/world/dataset.ts";
import { assertEquals, engine, withFolder } from "../support.ts";

await engine();
const REFERENCE = new URL("../parity/reference", import.meta.url).pathname;

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
