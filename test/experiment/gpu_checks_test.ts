import {
  checkCollectives,
  checkDevice,
  checkDraw,
  checkDriver,
  checkLibrary,
  checkMemory,
  checkProduct,
  checkSpeed,
  checkStep,
  checkXla,
  type GpuCheck,
  measureProducts,
  type Outcome,
  runChecks,
} from "../../lib/experiment/gpu_checks.ts";
import type { TogetherSum } from "../../lib/experiment/sum_together.ts";
import { LIBRARY_FILES } from "../../lib/engine/capi.ts";
import { assert, assertEquals, engine, withFolder, withoutLeaks } from "../support.ts";

await engine();

const textOf = (outcome: Outcome) => JSON.stringify(outcome);

Deno.test("runChecks() prints what is well or not checked, and ends at the first thing that is wrong with what mends it", async () => {
  const lines: string[] = [];
  const check = (name: string, outcome: Outcome): GpuCheck => ({ name, run: () => outcome });
  const last = { name: "last", run: () => Promise.reject(new Error("it was run")) };
  const checks = [
    check("one", { well: "fine" }),
    check("two", { skipped: "one GPU" }),
    check("three", { wrong: "it is off", mend: "put it on" }),
    last,
  ];
  assertEquals(await runChecks(checks, (line) => lines.push(line)), "check 3 of 4, three: it is off; put it on");
  assertEquals(lines, [" 1 one           fine", " 2 two           not checked: one GPU"]);
  assertEquals(await runChecks(checks.slice(0, 2), () => {}), undefined);
});

Deno.test("checkLibrary() wants the CUDA build and all of NVIDIA's libraries, and names the one that cannot be loaded", () =>
  withFolder((folder) => {
    const here = `${folder}/tensorflow`;
    assert(textOf(checkLibrary(here)).includes("deno task setup --gpu"));
    for (
      const [path, name] of [["tensorflow", LIBRARY_FILES[1]], ["nvidia/cublas/lib", "libcublas.so.12"], [
        "nvidia/cudnn/lib",
        "libcudnn.so.9",
      ]]
    ) {
      Deno.mkdirSync(`${folder}/${path}`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/${path}/${name}`, "no library");
    }
    assertEquals(checkLibrary(here, () => undefined), { well: "2 of NVIDIA's libraries" });
    assert(textOf(checkLibrary(here)).includes("cublas/lib/libcublas.so.12 cannot be loaded"), textOf(checkLibrary(here)));
  }));

Deno.test("checkDriver(), checkDevice() and checkCollectives() tell what is missing from what is there", async () => {
  assertEquals(checkDriver({ version: "12.4" }), { well: "CUDA 12.4" });
  assert(textOf(checkDriver({ version: "11.8" })).includes("driver 525 or newer"));
  assert(textOf(checkDriver({ wrong: "libcuda.so.1: not found" })).includes("--gpus=all"));
  assertEquals(checkDevice({ gpu: true, version: "2.21.0" }, 79 * 2 ** 30), { well: "TensorFlow 2.21.0, 79.0 GiB to be used" });
  assert(textOf(checkDevice({ gpu: false, version: "2.21.0" })).includes("CUDA_VISIBLE_DEVICES"));
  assertEquals(await checkCollectives(1), { skipped: "one GPU" });
  const found = (sum: TogetherSum) => checkCollectives(2, () => Promise.resolve(sum));
  assertEquals(await found({ right: true, seconds: 0.002, mebibytes: 64 }), { well: "2 GPUs add up 64 MiB in 2.0 ms" });
  assert(textOf(await found({ right: false, seconds: 0.002, mebibytes: 64 })).includes("is not what they hold"));
  assert(textOf(await found({ failed: "process 1 of 2: no NCCL" })).includes("cannot add up (process 1 of 2: no NCCL)"));
});

Deno.test("checkProduct(), checkXla(), checkMemory() and checkDraw() compute on the device that is there, and leave nothing", () =>
  withoutLeaks(async () => {
    assert("well" in checkProduct(256), textOf(checkProduct(256)));
    assert("well" in checkMemory(8 * 2 ** 20, 2 ** 20), textOf(checkMemory(8 * 2 ** 20, 2 ** 20)));
    assert(textOf(checkMemory(2 ** 62, 2 ** 61)).includes("end what else is on the card"));
    assert(measureProducts(64, 4) > 0);
    await withFolder((folder) => {
      assert("well" in checkXla(folder, ""), textOf(checkXla(folder, "")));
      Deno.mkdirSync(`${folder}/nvidia/cuda_nvcc/bin`, { recursive: true });
      Deno.mkdirSync(`${folder}/tensorflow`);
      assert(textOf(checkXla(`${folder}/tensorflow`, "--xla_dump_to=x")).includes("XLA_FLAGS is set without its data folder"));
      Deno.writeTextFileSync(`${folder}/nvidia/cuda_nvcc/bin/ptxas`, "", { mode: 0o644 });
      assert(textOf(checkXla(`${folder}/tensorflow`, `--xla_gpu_cuda_data_dir=${folder}/nvidia/cuda_nvcc`)).includes("chmod +x"));
    });
  }));

Deno.test("checkDraw() draws the same picture twice", () => assert("well" in checkDraw("data/tiny"), textOf(checkDraw("data/tiny"))));

Deno.test("checkSpeed() holds a card to its data sheet, and says only the speed of one that it does not know", () => {
  assertEquals(checkSpeed("NVIDIA H100 80GB HBM3", 700), { well: "700 TFLOP/s of bfloat16, 71 % of a NVIDIA H100 80GB HBM3's peak" });
  assert("well" in checkSpeed("NVIDIA H100 PCIe", 500));
  assert(textOf(checkSpeed("NVIDIA H100 80GB HBM3", 300)).includes("power and clocks"));
  assert("skipped" in checkSpeed("Some Card", 10));
});

Deno.test("checkStep() allows a hundredth, of the loss and of the largest gradient", () => {
  const cpu = { loss: 2, norms: [1, 0.5] };
  assert("well" in checkStep({ loss: 2.01, norms: [1.005, 0.5] }, cpu));
  for (const here of [{ loss: 2.1, norms: [1, 0.5] }, { loss: 2, norms: [1, 0.55] }, { loss: NaN, norms: [1, 0.5] }]) {
    assert("wrong" in checkStep(here, cpu), textOf(checkStep(here, cpu)));
  }
});
