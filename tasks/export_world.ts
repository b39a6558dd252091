/**
 * Writes the tiny world to disk as ordinary files: trajectories as PNG with AURORA's JSON, videos as MP4 with their classes.
 * The readers for real data read them.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { exists, readText, realDisk, writeFile } from "../lib/files.ts";
import { drawFamilies } from "../lib/report/mod.ts";
import { showProgress } from "../lib/experiment/progress.ts";
import { encodePng } from "../lib/tokens/mod.ts";
import { writeMp4 } from "../lib/video/mod.ts";
import {
  FAMILIES,
  FRAME_RATE,
  RENDERER,
  renderScenes,
  renderVideo,
  type Split,
  worldTrajectories,
  type WorldTrajectory,
  worldVideos,
} from "../lib/world/mod.ts";

const TASK: TaskInfo = {
  name: "export-world",
  about: "Writes the tiny world as files: trajectories as PNG with AURORA's JSON, videos as MP4 with their classes.",
  sections: ["data", "export"],
  flags: { out: "the folder (default runs/EXPERIMENT/world)" },
};

const CHUNK = 64; // trajectories drawn together

/** Runs the task. */
async function main({ config, flags }: Invocation): Promise<void> {
  const { data, seed } = config;
  const out = flags["out"] || flags["run"] || `runs/${config.experiment}/world`;
  const { world: train, simulated } = data;
  const { validation, bench, videos: filmed } = config.export;
  const lists: Partial<Record<Split, number>> = { train, ...(simulated > 0 && { simulated }), validation, bench };
  const total = Object.values(lists).reduce((sum, count) => sum + count);
  if ("dry-run" in flags) return console.log(`Would write ${total} trajectories and ${filmed} videos to ${out}.`);
  // Written last; by its lists it differs from that of a world of before the regime and the simulated list were heeded.
  const description = JSON.stringify({ renderer: RENDERER, seed, ...data, ...config.export, lists }, null, 2) + "\n";
  if ("restart" in flags) removeWorld(out);
  if (exists(`${out}/world.json`)) {
    if (readText(`${out}/world.json`) === description) return console.log(`This very world is there already, whole, in ${out}.`);
    throw new UserError(
      `Cannot write to ${out} as another world is there already: choose another folder with --out=DIR, or --restart to write anew`,
    );
  }
  const progress = showProgress("trajectories", total);
  let done = 0;
  const trajectoriesOf = (split: Split, count: number) => worldTrajectories(data.difficulty, seed, split, count, data.regime);
  for (const [split, count] of Object.entries(lists) as [Split, number][]) {
    await exportSplit(out, split, trajectoriesOf(split, count), (more) => progress.update(done += more));
  }
  progress.stop();

  const videos = worldVideos(data.difficulty, seed, filmed);
  const classes: Record<string, { label: string; family: string }> = {};
  const filming = showProgress("videos", videos.length);
  for (const [i, video] of videos.entries()) {
    await writeMp4(`${out}/videos/${video.id}.mp4`, await renderVideo(video), FRAME_RATE);
    classes[`${video.id}.mp4`] = { label: video.label, family: video.family };
    filming.update(i + 1);
  }
  filming.stop();
  writeFile(`${out}/videos/classes.json`, JSON.stringify(classes, null, 2) + "\n");
  writeFile(
    `${out}/videos/truth.json`,
    JSON.stringify(
      videos.map(({ id, kind, truth }) => ({ id, kind, meaning: truth?.meaning, first: truth?.first, last: truth?.last })),
      null,
      2,
    ) + "\n",
  );
  writeFile(`${out}/world.png`, await drawFamilies(trajectoriesOf("bench", 2 * FAMILIES.length)));
  writeFile(`${out}/world.json`, description);
  console.log(
    `${total} trajectories in ${out}/{${
      Object.keys(lists).join()
    }}/list.json, ${videos.length} videos in ${out}/videos/\n  ${out}/world.png   a row a family`,
  );
}

/** Removes a world: first what says that it is whole, then what was written of it, so that none of its files passes for the next one's. */
function removeWorld(out: string): void {
  if (!exists(`${out}/world.json`)) return; // it may be anybody's folder
  const parts = ["train", "simulated", "validation", "bench"].flatMap((split) => [`${split}/images`, `${split}/list.json`]);
  for (const part of ["world.json", ...parts, "videos"]) realDisk.remove(`${out}/${part}`);
}

/** A split as PNG files and a list in AURORA's format; the family is the list's `task`. */
async function exportSplit(
  out: string,
  split: Split,
  trajectories: readonly WorldTrajectory[],
  onDone: (count: number) => void,
): Promise<void> {
  const entries: unknown[] = [];
  for (let i = 0; i < trajectories.length; i += CHUNK) {
    const chunk = trajectories.slice(i, i + CHUNK);
    const pictures = await renderScenes(chunk.flatMap(({ before, after }) => [before, after]));
    for (const [j, { id, subset, action }] of chunk.entries()) {
      const [input, output] = [`images/${id}-input.png`, `images/${id}-output.png`];
      writeFile(`${out}/${split}/${input}`, await encodePng(pictures[2 * j]!), undefined, false);
      writeFile(`${out}/${split}/${output}`, await encodePng(pictures[2 * j + 1]!), undefined, false);
      entries.push({ input, output, instruction: action, task: subset });
    }
    onDone(chunk.length);
  }
  writeFile(`${out}/${split}/list.json`, JSON.stringify(entries, null, 2) + "\n");
}

if (import.meta.main) await runTask(TASK, main);
