/**
 * The paper's tables from finished runs, in Markdown, CSV and JSON, and one page with a gallery that opens from disk.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { type Invocation, listOf, runTask, type TaskInfo } from "../lib/experiment/cli.ts";
import type { Config } from "../lib/experiment/config.ts";
import { benchTrajectories } from "../lib/experiment/datasets.ts";
import { exists, readJson, writeFile } from "../lib/files.ts";
import { openSystem, readScores, type Score } from "../lib/judge/mod.ts";
import {
  type GalleryItem,
  type PageSection,
  type PaperTable,
  paperTables,
  type Published,
  reportHtml,
  writeTable,
} from "../lib/report/mod.ts";
import { encodePng, resize, type RgbImage } from "../lib/tokens/mod.ts";

const TASK: TaskInfo = {
  name: "report",
  about: "Puts finished runs into the paper's tables, beside the published rows, and into one page with a gallery.",
  sections: ["judge"],
  flags: { of: "folders of finished runs, with commas between; without: all in runs/EXPERIMENT" },
};

/** Runs the task. */
export async function main({ config, flags }: Invocation): Promise<void> {
  const root = `runs/${config.experiment}`;
  const folders = "of" in flags ? listOf(flags["of"]) : runsIn(root);
  const folder = flags["run"] || `${root}/report`;
  if (folders.length === 0) throw new UserError(`Cannot report: there is no finished run in ${root}; give --of=DIR,DIR`);
  if ("dry-run" in flags) return console.log(`${folders.join("\n")}\n→ ${folder}/report.html`);
  const tables = await writeReport(config, folders, folder);
  for (const { title, name } of tables) console.log(`${title}: ${folder}/${name}.md`);
  console.log(`\n  ${folder}/report.html   tables, plots, a gallery`);
}

/**
 * Writes tables and the page.
 *
 * @param config for what a run's manifest does not say
 * @param folders finished runs
 * @param to the report's folder
 * @param first sections before the tables
 */
export async function writeReport(
  config: Config,
  folders: readonly string[],
  to: string,
  first: readonly PageSection[] = [],
): Promise<PaperTable[]> {
  const published = readJson("data/published.json") as Published;
  Deno.mkdirSync(to, { recursive: true });
  const tables: PaperTable[] = [];
  for (const folder of folders) tables.push(...await paperTables(folder, nameOf(folder, folders), published, to));
  for (const { name, rows } of tables) writeTable(`${to}/${name}`, rows);
  const gallery = await Promise.all(
    folders.filter((folder) => exists(`${folder}/scores.jsonl`)).map((folder) => galleryOf(config, folder)),
  );
  writeFile(`${to}/report.html`, reportHtml(config.experiment, [...first, ...tables], gallery.flat()));
  return tables;
}

/** A folder's last part, or more of it where two end alike. */
function nameOf(folder: string, all: readonly string[]): string {
  const parts = folder.split("/").filter((part) => part !== "" && part !== ".");
  const ending = (count: number) => parts.slice(-count).join("/");
  let count = 1;
  while (count < parts.length && all.filter((other) => `/${other}`.replace(/\/+$/, "").endsWith(`/${ending(count)}`)).length > 1) count++;
  return ending(count).replaceAll("/", "-");
}

/** Finished runs that have a table, a folder down. */
function runsIn(root: string): string[] {
  if (!exists(root)) return [];
  const below = [...Deno.readDirSync(root)].filter((entry) => entry.isDirectory).map(({ name }) => `${root}/${name}`).toSorted();
  return below.filter((folder) => ["manifest", "result", "table"].every((name) => exists(`${folder}/${name}.json`)));
}

/** What a run of task `judge` looked at: source, target, every system with its scores and the judge's reason. */
async function galleryOf(config: Config, folder: string): Promise<GalleryItem[]> {
  const { config: judged, seed } = readJson(`${folder}/manifest.json`) as { readonly config: Config; readonly seed: number };
  const { list } = benchTrajectories({ ...config, data: judged.data, seed }, judged.judge.bench);
  const { systems } = readJson(`${folder}/result.json`) as { readonly systems: readonly string[] };
  const notes = new Map(readScores(folder).map((score) => [`${score.system} ${score.id}`, noteOf(score)]));
  const opened = systems.map(openSystem);
  return await Promise.all(list.trajectories.map(async (trajectory) => {
    const { id, action, subset } = trajectory;
    const predicted = await Promise.all(opened.map(async (system) => {
      const picture = await system.predict(trajectory).catch(() => undefined);
      return picture ? [{ title: system.name, note: notes.get(`${system.name} ${id}`) ?? "", png: await thumbnail(picture) }] : [];
    }));
    const given = ["source", "target"] as const;
    const seen = await Promise.all(given.map(async (title) => ({ title, png: await thumbnail(await trajectory[title].load()) })));
    return { action, subset, pictures: [...seen, ...predicted.flat()] };
  }));
}

function noteOf({ score, success, minimal, reason, unscored, correctedBy }: Score): string {
  if (score === undefined) return `unscored: ${unscored}`;
  const by = correctedBy ? ` (changed by ${correctedBy})` : "";
  return `${score.toFixed(1)}${by}: success ${success!.toFixed(1)}, minimal ${minimal!.toFixed(1)}. ${reason ?? ""}`;
}

/** At most 256 pixels wide: a page with hundreds of pictures stays light. */
async function thumbnail(image: RgbImage): Promise<Uint8Array> {
  const scale = Math.min(1, 256 / image.width);
  return await encodePng(scale === 1 ? image : resize(image, 256, Math.max(1, Math.round(image.height * scale))));
}

if (import.meta.main) await runTask(TASK, main);
