import { listVideos, shardOf } from "../../lib/synthesis/mod.ts";
import { assertEquals, assertThrows, withFolder } from "../support.ts";

Deno.test("listVideos() reads folders by class and Kinetics' list, and follows nothing out of the folder", () =>
  withFolder((folder) => {
    for (const path of ["ucf/Swing/v_1.avi", "ucf/Archery/v_2.avi", "ucf/plain.mp4", "ucf/notes.txt", "secret.mp4"]) {
      Deno.mkdirSync(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(`${folder}/${path}`, "x");
    }
    Deno.symlinkSync(`${folder}/secret.mp4`, `${folder}/ucf/link.mp4`);
    const { videos, problems } = listVideos(`${folder}/ucf`);
    assertEquals(videos.map(({ id, label }) => [id, label]), [["Archery/v_2.avi", "Archery"], ["Swing/v_1.avi", "Swing"], [
      "plain.mp4",
      "unlabelled",
    ]]);
    assertEquals(problems, [{ id: "link.mp4", reason: "it is a link" }]);
    const [alone] = listVideos(`${folder}/ucf/plain.mp4`).videos; // one video, not a folder of them
    assertEquals([alone!.id, alone!.path, alone!.label], ["plain.mp4", `${folder}/ucf/plain.mp4`, "unlabelled"]);
    Deno.mkdirSync(`${folder}/k/riding a bike`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/k/riding a bike/abc-_1_000003_000013.mp4`, "x");
    Deno.writeTextFileSync(
      `${folder}/k/train.csv`,
      "label,youtube_id,time_start,time_end,split\nriding a bike,abc-_1,3,13,train\nx,gone,0,10,train\n..,../secret,0,10,train\n../..,secret,0,10,t\n",
    );
    const kinetics = listVideos(`${folder}/k/train.csv`);
    assertEquals(kinetics.videos.map(({ id, label }) => [id, label]), [["abc-_1_000003_000013", "riding a bike"]]);
    assertEquals(kinetics.problems.length, 3);
    assertThrows(() => listVideos(`${folder}/nowhere`), Error, "it is not there");
    assertThrows(() => listVideos(`${folder}/k/riding a bike/..`.replace("/..", "/x")), Error, "it is not there");
  }));

Deno.test("shardOf() gives every item to one worker", () => {
  const items = Array.from({ length: 10 }, (_, i) => i);
  assertEquals([0, 1, 2].flatMap((i) => shardOf(items, `${i}/3`)).toSorted((a, b) => a - b), items);
  for (const wrong of ["3/3", "x", "1", "-1/2", "0/0"]) assertThrows(() => shardOf(items, wrong), Error, "give i/n");
});
