/**
 * A full disk at each stage: a stage runs on a small file system in memory that fills up after a share of what it writes, must end with one
 * sentence and exit code 1, and must go on once there is room, to the files of a run that nothing disturbed. It needs root, to mount.
 *
 *   sudo deno run -A test/faults/full_disk.ts [STAGE …]
 *
 * @module
 */
import { chosenStages, filesOf, openRoot, problemsOf, run, wholeOf } from "./stages.ts";

const SHARES = [0.02, 0.25, 0.5, 0.75, 0.95];

/** Mounts, or throws what `mount` says. */
export async function mount(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("mount", { args }).output();
  if (!success) throw new Error(`mount ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

if (import.meta.main) {
  const root = await openRoot();
  const disk = `${root}/disk`;
  let wrong = 0;
  Deno.mkdirSync(disk);
  for (const { stage, isNamed } of chosenStages(Deno.args)) {
    const { name } = stage;
    const whole = await run(stage, root, `${root}/${name}`);
    if (whole.code !== 0) throw new Error(`${name}: ${whole.words}`);
    if (!isNamed) continue;
    const bytes = [...filesOf(`${root}/${name}`).values()].reduce((sum, size) => sum + Math.ceil(size / 4096) * 4096, 0);
    for (const share of SHARES) {
      await mount("-t", "tmpfs", "-o", `size=${Math.max(4096, Math.ceil(share * bytes))}`, "worldstrap-full", disk);
      try {
        const full = await run(stage, root, disk);
        await mount("-o", "remount,size=1g", disk);
        const again = full.code === 0 ? full : await run(stage, root, disk);
        const [sentence = ""] = full.words.split("\n").slice(-1);
        const problems = problemsOf(name, full, again, wholeOf(root, name), `${disk}/run`);
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
