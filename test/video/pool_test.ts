import { openMotionPool, writeMp4 } from "../../lib/video/mod.ts";
import { measureMotion } from "../../lib/video/motion.ts";
import { renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

const OPTIONS = { rate: 12, stride: 0.5, side: 64 };

Deno.test("a pool measures what measureMotion() measures, more videos than workers at once, and goes on after a broken one", () =>
  withFolder(async (folder) => {
    const videos = worldVideos("default", 3, 3);
    for (const [i, video] of videos.entries()) await writeMp4(`${folder}/${i}.mp4`, (await renderVideo(video)).slice(0, 20), 12);
    Deno.writeTextFileSync(`${folder}/broken.mp4`, "no video");
    const pool = openMotionPool(1);
    try {
      const broken = assertRejects(() => pool.measure(`${folder}/broken.mp4`, OPTIONS), UserError, "as a video");
      const measured = await Promise.all([0, 1, 2].map((i) => pool.measure(`${folder}/${i}.mp4`, OPTIONS)));
      await broken;
      assertEquals(measured[2], await measureMotion(`${folder}/2.mp4`, OPTIONS));
      assertEquals(await pool.measure(`${folder}/2.mp4`, OPTIONS), measured[2]); // its worker is free again
      assertEquals(measured.map(({ length }) => length), [20, 20, 20]);
    } finally {
      pool.close();
    }
  }));
