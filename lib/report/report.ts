/**
 * The report: the paper's tables from finished runs, and one page with a gallery that opens from disk.
 *
 * @module
 */
import { benchTrajectories } from "../experiment/datasets.ts";
import { shardFolders } from "../experiment/pipeline.ts";
import { JUDGEMENT_RESULT, readResult } from "../experiment/results.ts";
import { readManifest } from "../experiment/run.ts";
import { CONFIG, type Config } from "../experiment/schema.ts";
import { openSystems } from "../experiment/systems.ts";
import { unlessOfDisk } from "../errors.ts";
import { exists, readJson, writeFile } from "../files.ts";
import type { Score } from "../judge/mod.ts";
import { readScores } from "../judge/scores_file.ts";
import { encodePng, resize, type RgbImage } from "../tokens/mod.ts";
import { type GalleryItem, type PageSection, reportHtml } from "./page.ts";
import { type PaperTable, paperTables, type Published } from "./paper_tables.ts";
import { writeTable } from "./table.ts";

/** A report that is being made. */
export interface Report {
  /** Names the page, and says what a run's manifest does not. */
  readonly config: Config;
  /** The report's folder. */
  readonly to: string;
  /** Tables of finished runs. */
  readonly tables: readonly PaperTable[];
  /** Sections before the tables. */
  readonly first?: readonly PageSection[];
  /** Runs of task `judge` whose pictures are shown. */
  readonly shown: readonly string[];
}

/** The paper's rows. */
export function readPublished(): Published {
  return readJson("data/published.json") as Published;
}

/**
 * The tables of finished runs.
 *
 * @param folders the runs
 * @param to the report's folder, for plots that the runs do not have
 * @returns tables, named after their runs
 */
export async function tablesOf(folders: readonly string[], to: string): Promise<PaperTable[]> {
  const published = readPublished();
  Deno.mkdirSync(to, { recursive: true });
  const tables: PaperTable[] = [];
  for (const folder of folders) tables.push(...await paperTables(folder, shortName(folder, folders), published, to));
  return tables;
}

/** Writes tables and the page. */
export async function writeReport({ config, to, tables, first = [], shown }: Report): Promise<void> {
  for (const { name, rows, text } of tables) writeTable(`${to}/${name}`, rows, text);
  const gallery = await Promise.all(
    shown.flatMap(shardFolders).filter((folder) => exists(`${folder}/scores.jsonl`)).map((folder) => galleryOf(config, folder)),
  );
  writeFile(`${to}/report.html`, reportHtml(config.experiment, [...first, ...tables], gallery.flat()));
}

/** A folder's last part, or more of it where two end alike. */
function shortName(folder: string, all: readonly string[]): string {
  const parts = folder.split("/").filter((part) => part !== "" && part !== ".");
  const ending = (count: number) => parts.slice(-count).join("/");
  let count = 1;
  while (count < parts.length && all.filter((other) => `/${other}`.replace(/\/+$/, "").endsWith(`/${ending(count)}`)).length > 1) count++;
  return ending(count).replaceAll("/", "-");
}

/** What a run of task `judge` looked at: source, target, every system with its scores and the judge's reason. */
async function galleryOf(config: Config, folder: string): Promise<GalleryItem[]> {
  const { list } = benchTrajectories(CONFIG.parse({ ...config, ...readManifest(folder)!.config }));
  const { systems } = readResult(folder, JUDGEMENT_RESULT);
  const notes = new Map(readScores(folder).map((score) => [`${score.system} ${score.id}`, noteOf(score)]));
  const opened = openSystems(systems);
  return await Promise.all(list.trajectories.map(async (trajectory) => {
    const { id, action, subset } = trajectory;
    const predicted = await Promise.all(opened.map(async (system) => {
      const picture = await system.predict(trajectory).catch(unlessOfDisk(undefined));
      return picture
        ? [{
          title: system.name,
          note: notes.get(`${system.name} ${id}`) ?? "",
          png: await thumbnail(picture, await system.xmp(trajectory).catch(unlessOfDisk(undefined))),
        }]
        : [];
    }));
    const given = ["source", "target"] as const;
    const seen = await Promise.all(given.map(async (title) => {
      const picture = await trajectory[title].load().catch(unlessOfDisk(undefined)); // the run says in skipped.jsonl which are broken
      return picture ? [{ title, png: await thumbnail(picture) }] : [];
    }));
    return { action, subset, pictures: [...seen.flat(), ...predicted.flat()] };
  }));
}

function noteOf({ score, success, minimal, reason, unscored, correctedBy }: Score): string {
  if (score === undefined) return `unscored: ${unscored}`;
  const by = correctedBy ? ` (changed by ${correctedBy})` : "";
  return `${score.toFixed(1)}${by}: success ${success!.toFixed(1)}, minimal ${minimal!.toFixed(1)}. ${reason ?? ""}`;
}

/** At most 256 pixels wide: a page with hundreds of pictures stays light. A prediction still says where it comes from. */
async function thumbnail(image: RgbImage, xmp?: string): Promise<Uint8Array> {
  const scale = Math.min(1, 256 / image.width);
  return await encodePng(scale === 1 ? image : resize(image, 256, Math.max(1, Math.round(image.height * scale))), xmp);
}
