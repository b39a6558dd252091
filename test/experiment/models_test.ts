import { encodeBench, loadModels, requireDecoder } from "../../lib/experiment/models.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { saveAdapter } from "../../lib/model/peft.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { disposeSampler } from "../../lib/sample/mod.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, assertRejects, assertThrows, engine, randomAdapter, UserError, withFolder } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const config = resolveConfig(undefined, [{ key: "model.path", value: TINY }, { key: "model.precision", value: "float32" }]);

Deno.test("loadModels() has one base for both samplers, each with its own adapter or none", () =>
  withFolder((folder) => {
    const base = loadModel(TINY, "float32");
    const adapter = randomAdapter(base.chameleon.config, { rank: 2, alpha: 2, dropout: 0, targets: ["q_proj"] }, 1);
    saveAdapter(folder, adapter, TINY);
    const { chameleon, vqgan, vocabulary, image, text } = loadModels(config, { text: folder, image: undefined });
    assert(image.model === chameleon && text.model === chameleon);
    assertEquals([image.adapter, image.firstId, text.firstId], [undefined, vocabulary.firstImage, 0]);
    assert(text.adapter);
    assertThrows(() => loadModels(config, { text: `${folder}/none`, image: undefined }), UserError);
    requireDecoder({ chameleon, vqgan, vocabulary, image, text }, config);
    const encoder = Object.fromEntries(Object.entries(vqgan.weights).filter(([name]) => !name.startsWith("decoder.")));
    assertThrows(
      () => requireDecoder({ chameleon, vocabulary, image, text, vqgan: { ...vqgan, weights: encoder } }, config),
      UserError,
      `Cannot draw images with ${TINY}: the checkpoint has no decoder for image tokens`,
    );
    disposeSampler(image);
    disposeSampler(text);
    disposeAdapter(adapter);
    disposeModel({ ...base, chameleon, vqgan });
    disposeModel(base);
  }));

Deno.test("encodeBench() leaves out what cannot be read and says it, and refuses a bench of nothing", () =>
  withFolder(async (cache) => {
    const before = Deno.env.get("XDG_CACHE_HOME");
    Deno.env.set("XDG_CACHE_HOME", cache);
    try {
      const model = loadModel(TINY, "float32");
      const [good, other] = worldTrajectories("easy", 1, "bench", 2) as [
        ReturnType<typeof worldTrajectories>[0],
        ReturnType<typeof worldTrajectories>[0],
      ];
      const bad = { ...other, target: { ...other.target, key: () => Promise.reject(new Error("gone")) } };
      const { items, problems } = await encodeBench({ trajectories: [good, bad], problems: [{ id: "x", reason: "lost" }] }, model.vqgan);
      assertEquals(items.map(({ trajectory }) => trajectory.id), [good.id]);
      assertEquals(problems, [{ id: "x", reason: "lost" }, { id: bad.id, reason: "gone" }]);
      await assertRejects(() => encodeBench({ trajectories: [bad], problems: [] }, model.vqgan), UserError);
      disposeModel(model);
    } finally {
      if (before === undefined) Deno.env.delete("XDG_CACHE_HOME");
      else Deno.env.set("XDG_CACHE_HOME", before);
    }
  }));
