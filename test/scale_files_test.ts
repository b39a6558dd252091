import { parseAllDocuments } from "yaml";
import project from "../deno.json" with { type: "json" };
import { assert, assertEquals } from "./support.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const SCALE = `${ROOT}docs/scale`;
const FILES = ["slurm", "kubernetes"].flatMap((kind) => [...Deno.readDirSync(`${SCALE}/${kind}`)].map(({ name }) => `${kind}/${name}`));

/** The commands in a text. */
function commandsOf(text: string): [task: string, args: string[]][] {
  return [...text.matchAll(/deno task ([\w-]+)((?: [\w-]+=?(?:"\$queue"|[^\s";&#`]*))*)/g)].map(([, task, rest]) => [
    task!,
    rest!.trim().split(" ").filter((arg) => arg.startsWith("--") || arg === "start" || arg === "status").map((arg) =>
      arg.replaceAll('"', "")
    ),
  ]);
}

Deno.test("the commands in docs/scale name tasks and flags that there are", async () => {
  const all = [...FILES, "inference.md"].flatMap((file) => commandsOf(Deno.readTextFileSync(`${SCALE}/${file}`)));
  const distinct = new Map(all.map(([task, args]) => [`${task} ${args.join(" ")}`, [task, args] as const]));
  assert(distinct.size >= 8, [...distinct.keys()].join("\n"));
  for (const [command, [task, args]] of distinct) {
    assert(task in project.tasks, `deno task ${command}: there is no such task`);
    if (["bench", "test"].includes(task)) continue; // they have no help
    const path = `${ROOT}tasks/${task.replaceAll("-", "_")}.ts`;
    const options = { args: ["run", "-A", "--no-check", path, ...args, "--help"], cwd: ROOT, env: { NO_COLOR: "1" } };
    const { code, stderr } = await new Deno.Command(Deno.execPath(), options).output();
    assertEquals(code, 0, `deno task ${command}: ${new TextDecoder().decode(stderr)}`);
  }
});

Deno.test("the arrays and indexed jobs in docs/scale state as many shards as they have", () => {
  const slurm = Deno.readTextFileSync(`${SCALE}/slurm/annotate.sbatch`);
  const [, last] = /--array=0-(\d+)/.exec(slurm)!;
  assertEquals(/WORLDSTRAP_SHARDS=(\d+)/.exec(slurm)![1], `${Number(last) + 1}`);
  for (const file of FILES.filter((file) => file.endsWith(".yaml"))) {
    for (const document of parseAllDocuments(Deno.readTextFileSync(`${SCALE}/${file}`)) as { errors: unknown[]; toJS(): Resource }[]) {
      assertEquals(document.errors, [], file);
      const { kind, spec } = document.toJS();
      const [container] = spec.template?.spec.containers ?? [];
      const shards = container?.env?.find(({ name }) => name === "WORLDSTRAP_SHARDS");
      if (kind === "Job" && shards) assertEquals([shards.value, spec.completionMode], [`${spec.completions}`, "Indexed"], file);
      if (container?.command.join(" ").includes("--shard=auto")) assert(shards, file);
    }
  }
});

/** What the test reads of a Kubernetes resource. */
interface Resource {
  readonly kind: string;
  readonly spec: {
    readonly completionMode?: string;
    readonly completions?: number;
    readonly template?: {
      readonly spec: {
        readonly containers: readonly {
          readonly command: readonly string[];
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}
