import { readEpic } from "../../lib/trajectories/mod.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

Deno.test("readEpic() takes the first and the last frame of a clip, and names what is wrong with the others", () =>
  withFolder((folder) => {
    const frame = (path: string) => {
      Deno.mkdirSync(`${folder}/${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/${path}`, "");
    };
    frame("P01/rgb_frames/P01_01/frame_0000000008.jpg");
    frame("P01/rgb_frames/P01_01/frame_0000000202.jpg");
    frame("P02_07/frame_0000000001.jpg");
    Deno.writeTextFileSync(
      `${folder}/train.csv`,
      "narration_id,participant_id,video_id,start_frame,stop_frame,narration\n" +
        'P01_01_0,P01,P01_01,8,202,"open door, slowly"\nP01_01_1,P01,P01_01,8,203,close door\nP01_01_2,P01,P01_01,8,202,\n' +
        "P01_01_3,P01,P01_01,202,8,go back\nP01_01_4,..,../../etc,8,202,climb\nP02_07_0,P02,P02_07,1,999999999999,wait\n",
    );
    const { trajectories, problems } = readEpic(`${folder}/train.csv`);
    assertEquals(trajectories.map(({ id, subset, action }) => [id, subset, action]), [["epic-P01_01_0", "epic", "open door, slowly"]]);
    assert(trajectories[0]!.target.name.endsWith("P01/rgb_frames/P01_01/frame_0000000202.jpg"));
    assertEquals(problems.map(({ reason }) => reason), [
      "frame 203 of P01_01 not found",
      "it has no narration",
      "frames 202 to 8 are no clip",
      '".." and "../../etc" are no names of folders',
      "frames 1 to 999999999999 are no clip",
    ]);
    Deno.writeTextFileSync(`${folder}/other.csv`, "a,b\n1,2\n");
    assertThrows(() => readEpic(`${folder}/other.csv`), UserError, "the column uid are needed");
  }));
