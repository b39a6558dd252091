/**
 * A full disk at each stage: a stage runs on a small file system in memory that fills up after a share of what it writes, must end with one
 * sentence and exit code 1, and must go on once there is room, to the files of a run that nothing disturbed. It needs root, to mount.
 *
 *   sudo deno run -A test/faults/full_disk.ts
 *
 * @module
 */
import { libtensorflowFolder } from "../../lib/engine/install.ts";
import { exists } from "../../lib/files.ts";
import { denoFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const SHARES = [0.02, 0.25, 0.5, 0.75, 0.95];
const KEPT = /^(?!log\.).*\.(jsonl|safetensors|png|csv|md)$|^table\.json$/; // what a stage leaves; manifests, results and logs hold times

/** A stage: its task, its arguments, the stages before it by name. */
const STAGES: readonly (readonly [name: string, task: string, args: (at: (name: string) => string) => string[]])[] = [
  ["train-cdm", "train_cdm", () => []],
  ["annotate", "annotate", (at) => [`--annotate.cdm=${at("train-cdm")}/adapter`]],
  ["filter", "filter", (at) => [`--filter.trajectories=${at("annotate")}/trajectories.jsonl`]],
  ["train-cwm", "train_cwm", (at) => [`--cwm.synthetic=${at("filter")}/trajectories.jsonl`]],
  ["probe", "probe", (at) => [`--probe.adapter=${at("train-cdm")}/adapter`]],
  ["sample", "sample", (at) => [`--sample.adapter=${at("train-cwm")}/adapter`]],
  ["verify", "verify", (at) => [`--verify.adapter=${at("train-cwm")}/adapter`, `--verify.cdm=${at("train-cdm")}/adapter`]],
  [
    "distill",
    "distill",
    (
      at,
    ) => [
      `--distill.adapter=${at("train-cwm")}/adapter`,
      `--distill.cdm=${at("train-cdm")}/adapter`,
      "--distill.sources=6",
      "--cwm.synthetic=",
    ],
  ],
  ["rollout", "rollout", (at) => [`--rollout.adapter=${at("train-cwm")}/adapter`]],
  ["judge", "judge", (at) => [`--systems=ours=${at("sample")}`]],
  ["report", "report", (at) => [at("judge")]],
];

/** Runs a task with its run and its cache in a folder. */
async function run(task: string, folder: string, args: readonly string[]): Promise<{ code: number; words: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}tasks/${task}.ts`, `--config=${ROOT}data/configs/micro.yaml`, ...args, `--run=${folder}/run`],
    ...{ cwd: ROOT, stdout: "null", stderr: "piped" },
    env: { NO_COLOR: "1", XDG_CACHE_HOME: `${folder}/cache`, DENO_DIR: denoFolder(), LIBTENSORFLOW_DIR: libtensorflowFolder() },
  }).output();
  return { code, words: new TextDecoder().decode(stderr).trim() };
}

/** Files below a folder by their paths, with their bytes. */
function filesOf(folder: string, below = ""): Map<string, number> {
  const files = new Map<string, number>();
  for (const { name, isDirectory } of Deno.readDirSync(`${folder}/${below}`)) {
    if (isDirectory) { for (const [path, size] of filesOf(folder, `${below}${name}/`)) files.set(path, size); }
    else files.set(`${below}${name}`, Deno.statSync(`${folder}/${below}${name}`).size);
  }
  return files;
}

/** What differs between two runs of a stage, in what it leaves. */
function differences(a: string, b: string): string[] {
  const names = (folder: string) => [...filesOf(folder).keys()].filter((path) => KEPT.test(path.split("/").at(-1)!));
  const same = (path: string) => `${Deno.readFileSync(`${a}/${path}`)}` === `${Deno.readFileSync(`${b}/${path}`)}`;
  return [...new Set([...names(a), ...names(b)])].filter((path) => !exists(`${a}/${path}`) || !exists(`${b}/${path}`) || !same(path));
}

async function mount(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("mount", { args }).output();
  if (!success) throw new Error(`mount ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) {
  const root = Deno.makeTempDirSync({ prefix: "worldstrap-full-" });
  const disk = `${root}/disk`;
  const at = (name: string) => `${root}/${name}/run`;
  let wrong = 0;
  Deno.mkdirSync(disk);
  for (const [name, task, args] of STAGES.filter(([name]) => Deno.args.length === 0 || Deno.args.includes(name))) {
    const whole = await run(task, `${root}/${name}`, args(at));
    if (whole.code !== 0) throw new Error(`${name}: ${whole.words}`);
    const bytes = [...filesOf(`${root}/${name}`).values()].reduce((sum, size) => sum + Math.ceil(size / 4096) * 4096, 0);
    for (const share of SHARES) {
      await mount("-t", "tmpfs", "-o", `size=${Math.max(4096, Math.ceil(share * bytes))}`, "worldstrap-full", disk);
      try {
        const full = await run(task, disk, args(at));
        await mount("-o", "remount,size=1g", disk);
        const again = full.code === 0 ? full : await run(task, disk, args(at));
        const [sentence = ""] = full.words.split("\n").slice(-1);
        const problems = [
          ...(full.code > 1 ? [`exit code ${full.code}`] : []),
          ...(full.code === 1 && !(sentence.startsWith(`${name}: `) && !/ {4}at |bug in/.test(full.words)) ? [full.words.slice(-600)] : []),
          ...(again.code === 0 ? differences(at(name), `${disk}/run`).map((path) => `${path} differs`) : [again.words.slice(-600)]),
        ];
        wrong += problems.length;
        console.log(
          `${name}, room for ${100 * share} %: ${full.code === 0 ? "it fitted" : sentence.slice(0, 160)}${
            problems.map((one) => `\n  WRONG: ${one}`).join("")
          }`,
        );
      } finally {
        await new Deno.Command("umount", { args: [disk] }).output();
      }
    }
  }
  Deno.removeSync(root, { recursive: true });
  console.log(wrong === 0 ? "nothing wrong" : `${wrong} wrong`);
  Deno.exit(wrong === 0 ? 0 : 1);
}
