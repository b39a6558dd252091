import { duration, showProgress } from "../../lib/experiment/progress.ts";
import { assert, assertEquals } from "../support.ts";

Deno.test("duration() says seconds as people do", () => {
  assertEquals([duration(5), duration(130), duration(7300)], ["5 s", "2 min 10 s", "2 h 2 min"]);
});

Deno.test("duration() carries what rounding makes full: never 60 seconds, never 60 minutes", () => {
  for (let seconds = 0; seconds < 8000; seconds += 0.25) {
    const said = duration(seconds);
    assert(!/\b60 (s|min)\b/.test(said), `${seconds}: ${said}`);
  }
});

Deno.test("showProgress() without a terminal prints the end, and now and then a line with the time left", {
  ignore: Deno.stderr.isTerminal(),
}, () => {
  const [error, now, shown] = [console.error, performance.now, [] as string[]];
  let clock = 10_000;
  console.error = (line: string) => shown.push(line);
  performance.now = () => clock;
  try {
    const progress = showProgress("train", 100);
    for (let done = 1; done <= 100; done++) {
      clock += 1000; // a second a step
      progress.update(done, "loss 2");
    }
    progress.stop();
  } finally {
    [console.error, performance.now] = [error, now];
  }
  assert(shown.length <= 21, `${shown.length} lines for 100 seconds`);
  assertEquals(shown.at(-1)!.trim(), "train 100/100 loss 2");
  assert(shown.includes("train 41/100 loss 2 59 s left"), shown.join("\n"));
});
