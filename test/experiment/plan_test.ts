import { resolveConfig } from "../../lib/experiment/config.ts";
import { type Device, memoryText, nvidiaMemory, peakOf, requireFit, stageMemory } from "../../lib/experiment/plan.ts";
import { allReduceSeconds, H100_RATES, hoursOn, stageTimes, videoTime } from "../../lib/experiment/plan_time.ts";
import { ANOLE_7B, planShape } from "../../lib/model/presets.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const paper = new URL("../../data/configs/paper.yaml", import.meta.url).pathname;
const anole = planShape(ANOLE_7B, "bfloat16");
const GIB = 2 ** 30;
const TASKS = ["train-cdm", "train-cwm", "probe", "annotate", "evaluate-actions", "sample", "verify", "rollout"];

function planned(task: string, gibibytes: number, ...overrides: [key: string, value: string][]): () => string {
  const config = resolveConfig(paper, overrides.map(([key, value]) => ({ key, value })));
  const device: Device = { name: "the GPU", free: gibibytes * GIB };
  const stage = stageMemory(task, config, anole)!;
  return () => {
    requireFit(stage, device, task, config);
    assert(peakOf(stage, device) <= device.free);
    return memoryText(stage, device);
  };
}

Deno.test("every stage of paper.yaml fits into 80 GB at 7B, with fewer rows where the wanted ones do not", () => {
  for (const task of TASKS) planned(task, 79)();
  assert(/draw: (8|16|32) images at once, .* \(64 are wanted, fewer fit\)/.test(planned("verify", 79)()));
  assert(planned("sample", 300)().includes("draw: 32 images at once"));
});

Deno.test("what cannot fit is refused with a flag of that task", () => {
  const refused = (...args: Parameters<typeof planned>) => assertThrows(planned(...args), UserError).message;
  assert(/^Cannot train as .* are free on the GPU: try --cdm.checkpointing=true, or a smaller --cdm.batch/.test(
    refused("train-cdm", 24, ["cdm.checkpointing", "false"]),
  ));
  assert(refused("train-cwm", 24).includes("try a smaller --cwm.batch with more --cwm.accumulate"));
  assert(
    /^Cannot sample .* try --sample.guidanceText=1 --sample.guidanceImage=1/.test(refused("sample", 15, ["sample.guidanceText", "3"])),
  );
  assert(/^Cannot verify .* try a device with \d+\.\d GiB/.test(refused("verify", 12)));
});

Deno.test("an absurd number is refused by its name", () => {
  const refused = (...args: Parameters<typeof planned>) => assertThrows(planned(...args), UserError).message;
  assert(refused("train-cdm", 79, ["cdm.batch", "1000000"]).endsWith("--cdm.batch=1000000 is far too large"));
  assert(refused("train-cwm", 79, ["cwm.lora.rank", "10000000"]).endsWith("--cwm.lora.rank=10000000 is far too large"));
  assert(refused("sample", 79, ["sample.batch", "1000000"]).endsWith("--sample.batch=1000000 is far too large"));
  assert(refused("verify", 79, ["verify.candidates", "1000000"]).endsWith("--verify.candidates=1000000 is far too large"));
});

Deno.test("nvidiaMemory() takes the first GPU's free memory, and nothing from a program that fails", () =>
  withFolder((folder) => {
    const path = Deno.env.get("PATH")!;
    const say = (script: string) => Deno.writeTextFileSync(`${folder}/nvidia-smi`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    try {
      Deno.env.set("PATH", `${folder}:${path}`);
      say("echo 81037; echo 40000");
      assertEquals(nvidiaMemory(), 81037 * 2 ** 20);
      say("echo 'No devices were found'; exit 6");
      assertEquals(nvidiaMemory(), undefined);
    } finally {
      Deno.env.set("PATH", path);
    }
  }));

Deno.test("stageTimes() of the paper is near its GPU-hours, and a step is split by whole sequences", () => {
  const config = resolveConfig(paper, []);
  const amounts = { trajectories: 149180, epic: 15000, synthetic: 21000, pairs: 87000, bench: 250 };
  const times = stageTimes(config, anole, amounts, H100_RATES, { name: "H100", free: 79 * GIB });
  const hours = Object.fromEntries(times.map(({ stage, hours }) => [stage, hours]));
  assert(Math.abs(hours["train-cdm"]! / 100 - 1) < 0.5 && Math.abs(hours["train-cwm"]! / 400 - 1) < 0.5, JSON.stringify(hours)); // A.8
  assert(hours["verify"]! > 8 * hours["sample"]!); // 3 × 8 images of each trajectory instead of one
  assertEquals([1, 4, 64].map((count) => hoursOn({ stage: "", hours: 96, parts: 96 }, count, 1)), [96, 24, 2]);
});

Deno.test("hoursOn() adds a ring all-reduce of the LoRA gradients to each step: little on a fast link, most of the time on a slow one", () => {
  assertEquals(allReduceSeconds(1e9, 1, 1e9), 0);
  assert(Math.abs(allReduceSeconds(1e9, 4, 1e9) - 1.5) < 1e-3); // 2 · 3/4 of the bytes, and six messages
  const config = resolveConfig(paper, []);
  const amounts = { trajectories: 149180, epic: 15000, synthetic: 21000, pairs: 87000, bench: 250 };
  const times = stageTimes(config, anole, amounts, H100_RATES, { name: "H100", free: 79 * GIB });
  const cdm = times.find(({ stage }) => stage === "train-cdm")!;
  assertEquals(cdm.wire!.steps, Math.ceil(10 * 164180 / 64));
  assertEquals(cdm.wire!.bytes, 4 * 16 * 32 * (4 * (4096 + 4096) + 3 * (4096 + 11008))); // rank 16, seven projections of 32 blocks
  const [fast, slow] = [50e9, 1e8].map((link) => hoursOn(cdm, 64, link)) as [number, number];
  assert(fast < 1.1 * hoursOn(cdm, 64, Infinity) && slow > 5 * fast, `${fast} ${slow}`);
  assertEquals(times.filter(({ wire }) => wire).map(({ stage }) => stage), ["train-cdm", "train-cft", "train-cwm"]);
});

Deno.test("videoTime() is the devices' time or that of the cores beside them, whichever is longer", () => {
  const slow = videoTime(900, 1 / 1000, 8);
  assertEquals([slow.stage, slow.hours, slow.parts], ["annotate 900 h of video", 1740, 1_740_000]);
  assertEquals(videoTime(900, 1e-9, 5).hours, 10); // 18 times real time a core
});
