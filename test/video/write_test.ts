import { writeMp4 } from "../../lib/video/mod.ts";
import { FRAME_RATE, renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assert, withFolder } from "../support.ts";

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
