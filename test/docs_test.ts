import { exists } from "../lib/files.ts";
import { assert, assertEquals, withFolder } from "./support.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const GUIDES = [...Deno.readDirSync(`${ROOT}docs`)].map(({ name }) => name).filter((name) => name.endsWith(".md")).toSorted();

async function run(path: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}tasks/${path}`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, `${path} ${args.join(" ")}\n${text}`);
  return text;
}

/** The commands in a guide's sh blocks. */
function commandsOf(guide: string): string[] {
  const blocks = Deno.readTextFileSync(`${ROOT}docs/${guide}`).matchAll(/^```sh\n([\s\S]*?)^```/gm);
  return [...blocks].flatMap(([, block]) => block!.trim().split("\n"));
}

for (const guide of GUIDES) {
  Deno.test(`the commands in docs/${guide} run`, () =>
    withFolder(async (folder) => {
      const commands = commandsOf(guide);
      if (commands.length === 0) return;
      await run("export_world.ts", "--config=data/configs/micro.yaml", `--out=${folder}/world`);
      const experiment = `docs-${Deno.pid}`;
      const places: Record<string, string> = {
        "path/to/videos": `${folder}/world/videos`,
        "path/to/train.json": `${folder}/world/train/list.json`,
        "path/to/test.json": `${folder}/world/bench/list.json`,
        "path/to/predictions": `${ROOT}runs/${experiment}/sample`,
        "path/to/anole": `${ROOT}data/tiny`,
      };
      try {
        for (const command of commands) {
          const [, task, rest] = /^deno task ([\w-]+) ?(.*)$/.exec(command)!;
          const args = rest!.split(" ").filter((arg) => arg !== "").map((arg) =>
            arg.replace(/path\/to\/[\w.]+/, (name) => places[name] ?? name)
          );
          const config = rest!.includes("--config=") || task === "doctor" ? [] : ["--config=data/configs/micro.yaml"];
          const named = task === "doctor" ? [] : [`--experiment=${experiment}`]; // the last one given counts
          await run(`${task!.replaceAll("-", "_")}.ts`, ...args, ...config, ...named);
        }
      } finally {
        await Deno.remove(`${ROOT}runs/${experiment}`, { recursive: true }).catch(() => {}); // a guide may leave none
      }
    }));
}

Deno.test("the parts in docs/swap.md are under 30 lines each", () => {
  const blocks = [...Deno.readTextFileSync(`${ROOT}docs/swap.md`).matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, block]) => block!);
  assertEquals(blocks.length, 4);
  for (const block of blocks) assert(block.trim().split("\n").length < 30, block);
});

Deno.test("all notebooks run in the Deno kernel, have at most 15 cells, and show pictures", () =>
  withFolder(async (folder) => {
    await run("notebooks.ts", `--run=${folder}`);
    const names = [...Deno.readDirSync(`${ROOT}notebooks`)].map(({ name }) => name).filter((name) => name.endsWith(".ipynb"));
    assertEquals(names.length, 5);
    for (const name of names) {
      const { cells } = JSON.parse(Deno.readTextFileSync(`${folder}/${name}`)) as { cells: { outputs?: { data?: object }[] }[] };
      assert(cells.length <= 15, name);
      const shown = cells.flatMap(({ outputs = [] }) => outputs.flatMap(({ data = {} }) => Object.keys(data)));
      assert(shown.includes("image/png"), `${name} shows no picture`);
    }
  }));

/** Markdown files below a folder, by their paths from the root; pages that are made are left out. */
function markdownBelow(folder: string): string[] {
  return [...Deno.readDirSync(`${ROOT}${folder}`)].flatMap(({ name, isDirectory }) =>
    isDirectory ? (name === "api" ? [] : markdownBelow(`${folder}/${name}`)) : name.endsWith(".md") ? [`${folder}/${name}`] : []
  );
}

/** What GitHub calls a heading in links. */
const anchorOf = (heading: string) => heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-");

Deno.test("links between documents lead to files and headings that are there", () => {
  const lost: string[] = [];
  for (const path of ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", ...markdownBelow("docs"), ...markdownBelow("baselines")]) {
    for (const [, link] of Deno.readTextFileSync(`${ROOT}${path}`).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const { pathname, hash } = new URL(link!, `file:///${path}`);
      const file = `${ROOT}${pathname.slice(1)}`;
      const isThere = exists(file);
      const headings = !hash || !isThere ? [] : Deno.readTextFileSync(file).split("\n").filter((line) => line.startsWith("#"));
      if (!isThere || (hash && !headings.some((line) => `#${anchorOf(line)}` === decodeURIComponent(hash)))) lost.push(`${path}: ${link}`);
    }
  }
  assertEquals(lost, []);
});

Deno.test("docs/style.md points to where the code is", () => {
  const places = [...Deno.readTextFileSync(`${ROOT}docs/style.md`).matchAll(/([\w./]+\.\w+):(\d+) `([^`]+)`/g)];
  assert(places.length > 15);
  for (const [place, path, line, text] of places) {
    const found = Deno.readTextFileSync(`${ROOT}${path}`).split("\n").findIndex((one) => one.includes(text!)) + 1;
    assert(found > 0 && Math.abs(found - Number(line)) <= 50, `${place}, now at ${found}`); // near enough for a reader
  }
});
