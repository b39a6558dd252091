/**
 * Executes the notebooks in the Deno kernel, with Jupyter's client in the user's cache; the executed ones are written beside,
 * or in their place with `--write`.
 *
 * @module
 */
import { UserError } from "../lib/errors.ts";
import { runTask } from "../lib/experiment/cli.ts";
import type { Invocation, TaskInfo } from "../lib/experiment/task.ts";
import { exists } from "../lib/files.ts";
import { runFolder } from "../lib/experiment/run.ts";
import { cacheFolder } from "../lib/engine/mod.ts";
import { findPython } from "../lib/engine/install.ts";

const TASK: TaskInfo = {
  name: "notebooks",
  about: "Executes the notebooks in the Deno kernel; a cell that throws ends it.",
  sections: [],
  switches: { write: "put the outputs into the notebooks themselves" },
  flags: { only: "those whose name contains this" },
};

const CLIENT = "nbclient==0.10.2";

/** Runs the task. */
async function main({ config, flags }: Invocation): Promise<void> {
  const only = flags["only"] ?? "";
  const names = [...Deno.readDirSync("notebooks")].map(({ name }) => name).filter((name) => name.endsWith(".ipynb") && name.includes(only));
  const out = "write" in flags ? "notebooks" : runFolder(config, "notebooks", flags);
  if ("dry-run" in flags) return console.log(`${names.toSorted().join("\n")}\n→ ${out}`);
  const python = await findPython();
  if (!python) throw new UserError("Cannot execute notebooks as there is no Python with pip: install Python 3 or uv");
  const folder = `${cacheFolder()}/notebooks-${CLIENT.replace("==", "-")}`;
  if (!exists(folder)) await install(python, folder);
  Deno.mkdirSync(out, { recursive: true });
  const paths = names.toSorted().map((name) => `notebooks/${name}`);
  await runPython(python, ["notebooks/execute.py", Deno.execPath(), out, ...paths], { PYTHONPATH: folder });
  console.log(`\n  ${out}/*.ipynb`);
}

/** Whole or absent: pip fills a folder beside, which is renamed. */
async function install(python: readonly string[], folder: string): Promise<void> {
  console.log(`Fetching ${CLIENT} …`);
  const beside = `${folder}-${Deno.pid}`;
  await runPython(python, [
    "-m",
    "pip",
    "--quiet",
    "--disable-pip-version-check",
    "install",
    "--no-warn-conflicts",
    "--target",
    beside,
    CLIENT,
  ]);
  Deno.renameSync(beside, folder);
}

async function runPython([command, ...first]: readonly string[], args: readonly string[], env: Record<string, string> = {}): Promise<void> {
  const { success, code } = await new Deno.Command(command!, { args: [...first, ...args], env }).spawn().status;
  if (!success) {
    throw new UserError(`Cannot go on: ${args.find((arg) => !arg.startsWith("-"))} ended with code ${code}; what it said stands above`);
  }
}

if (import.meta.main) await runTask(TASK, main);
