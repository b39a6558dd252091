import { duration } from "../../lib/experiment/progress.ts";
import { assertEquals } from "../support.ts";

Deno.test("duration() says seconds as people do", () => {
  assertEquals([duration(5), duration(130), duration(7300)], ["5 s", "2 min 10 s", "2 h 2 min"]);
});
