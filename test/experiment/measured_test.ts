import { measureOne } from "../../lib/experiment/measured.ts";
import { COPY } from "../../lib/judge/systems.ts";
import { openPictureMetrics } from "../../lib/metrics/picture_metrics.ts";
import { worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertEquals, assertRejects } from "../support.ts";

Deno.test("measureOne() gives a picture's scores, or why it has none", async () => {
  const [trajectory] = worldTrajectories("easy", 1, "bench", 1) as [ReturnType<typeof worldTrajectories>[number]];
  const { metrics, close } = await openPictureMetrics({ clip: "", dino: "", captions: "" });
  const { id } = trajectory;
  const copy = await measureOne({ system: COPY, trajectory }, metrics);
  assert(copy.id === id && copy.scores!["l1_paper"]! > 0 && copy.reason === undefined, JSON.stringify(copy));
  const none = () => Promise.resolve(undefined);
  const silent = { name: "silent", predict: none, xmp: none, key: none };
  assertEquals(await measureOne({ system: silent, trajectory }, metrics), { system: "silent", id, reason: "it has no prediction" });
  const broken = { ...silent, name: "broken", predict: () => Promise.reject(new Error("it is no picture")) };
  assertEquals(await measureOne({ system: broken, trajectory }, metrics), { system: "broken", id, reason: "it is no picture" });
  const failing = { ...broken, predict: () => Promise.reject(new Error("Cannot read a.png: Input/output error (os error 5)")) };
  await assertRejects(() => measureOne({ system: failing, trajectory }, metrics), Error, "os error 5"); // it would stay unmeasured
  await close();
});
