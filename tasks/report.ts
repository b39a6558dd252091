/**
 * The paper's tables from finished runs, in Markdown, CSV and JSON, and one page with a gallery that opens from disk.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { listOf, runTask } from "../lib/experiment/cli.ts";
import { shardFolders } from "../lib/experiment/pipeline.ts";
import { refuseRun } from "../lib/experiment/run.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { exists } from "../lib/files.ts";
import { tablesOf, writeReport } from "../lib/report/report.ts";

const TASK: TaskInfo = {
  name: "report",
  about: "Puts finished runs into the paper's tables, beside the published rows, and into one page with a gallery.",
  sections: ["judge"],
  flags: { of: "folders of finished runs, separated by commas; without it: all in runs/EXPERIMENT, shards joined" },
};

/** Runs the task. */
async function main({ config, flags }: Invocation): Promise<void> {
  const root = `runs/${config.experiment}`;
  const folders = "of" in flags ? listOf(flags["of"]) : runsIn(root);
  const folder = flags["run"] ?? `${root}/report`;
  if (folders.length === 0) throw new UserError(`Cannot report: there is no finished run in ${root}; give --of=DIR,DIR`);
  requireTables(folders);
  refuseRun(folder);
  if ("dry-run" in flags) return console.log(`${folders.join("\n")}\n→ ${folder}/report.html`);
  const tables = await tablesOf(folders, folder);
  await writeReport({ config, to: folder, tables, shown: folders });
  for (const { title, name } of tables) console.log(`${title}: ${folder}/${name}.md`);
  console.log(`\n  ${folder}/report.html   tables, plots, a gallery`);
}

/** Refuses a finished run of a task that leaves no table: it would be missing from the page without a word. */
function requireTables(folders: readonly string[]): void {
  const isBare = (folder: string) => exists(`${folder}/result.json`) && !exists(`${folder}/table.json`);
  const bare = folders.find((folder) => shardFolders(folder).every(isBare));
  if (bare !== undefined) {
    throw new UserError(
      `Cannot report ${bare} as its task leaves no table: give runs of judge, evaluate-images, verify and others that do`,
    );
  }
}

/** Finished runs that have a table, a folder down; the shards of a stage count as one. */
function runsIn(root: string): string[] {
  if (!exists(root)) return [];
  const below = [...Deno.readDirSync(root)].filter((entry) => entry.isDirectory).map(({ name }) => `${root}/${name}`).toSorted();
  const finished = below.filter((folder) => ["manifest", "result", "table"].every((name) => exists(`${folder}/${name}.json`)));
  return [...new Set(finished.map((folder) => folder.replace(/-\d+-of-\d+$/, "")))];
}

if (import.meta.main) await runTask(TASK, main);
