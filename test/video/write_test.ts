import { writeMp4 } from "../../lib/video/mod.ts";
import { FRAME_RATE, renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

Deno.test("writeMp4() writes the same bytes in every run, however many videos are written at once", () =>
  withFolder(async (folder) => {
    const videos = worldVideos("default", 1, 106).slice(90);
    const write = async (round: number) =>
      await Promise.all(videos.map(async (video) => {
        const path = `${folder}/${round}-${video.id}.mp4`;
        await writeMp4(path, await renderVideo(video), FRAME_RATE);
        return Deno.readFileSync(path);
      }));
    const first = await write(0);
    for (const round of [1, 2]) {
      (await write(round)).forEach((bytes, i) =>
        assert(bytes.every((byte, j) => byte === first[i]![j]), `${videos[i]!.id} differs in round ${round}`)
      );
    }
  }));

Deno.test("writeMp4() writes one file twice at once as if it were once: the last whole one stays, and nothing beside it", () =>
  withFolder(async (folder) => {
    const [video] = worldVideos("default", 1, 1);
    const frames = await renderVideo(video!);
    await writeMp4(`${folder}/alone.mp4`, frames, FRAME_RATE);
    await Promise.all([1, 2, 3].map(() => writeMp4(`${folder}/both.mp4`, frames, FRAME_RATE)));
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["alone.mp4", "both.mp4"]);
    assertEquals(Deno.readFileSync(`${folder}/both.mp4`), Deno.readFileSync(`${folder}/alone.mp4`));
  }));
