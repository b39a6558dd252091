import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const { tasks } = JSON.parse(Deno.readTextFileSync(`${ROOT}deno.json`)) as {
  tasks: Record<string, { description: string; command: string }>;
};
const scripts = Object.entries(tasks).map(([name, { command }]) => [name, /tasks\/(?!test|bench)\w+\.ts/.exec(command)?.[0]] as const)
  .filter(([, path]) => path !== undefined);

async function run(path: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}${path}`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("every task has a description and states its permissions", () => {
  for (const [name, { description, command }] of Object.entries(tasks)) {
    assert(description.length > 5, name);
    assert(name === "bench" || !/ -A | --allow-all /.test(command), `${name} takes all permissions`);
  }
});

for (const [name, path] of scripts) {
  Deno.test(`${name} --help lists flags and keys, ${name} --typo=1 is refused in a sentence`, async () => {
    const help = await run(path!, "--help");
    assertEquals(help.code, 0, help.text);
    assert(help.text.includes(`deno task ${name}`) && help.text.includes("--dry-run") && help.text.includes("--seed=1"), help.text);
    const typo = await run(path!, "--sead=1");
    assertEquals(typo.code, 1);
    assert(typo.text.includes('there is no key "sead"; the nearest is "seed"'), typo.text);
  });
}

Deno.test("doctor --json names backend, memory and what is missing, and no home folder", async () => {
  const { code, text } = await run("tasks/doctor.ts", "--json");
  assertEquals(code, 0, text);
  const facts = JSON.parse(text);
  assert(typeof facts.backend === "string" && typeof facts.memory === "string" && Array.isArray(facts.missing));
  assert(!text.includes(Deno.env.get("HOME") ?? "/home/"), text);
});

Deno.test("pretrain-tiny runs from nothing to a checkpoint that train-cwm can start from", () =>
  withFolder(async (folder) => {
    const sizes = ["--pretrain.scenes=48", "--pretrain.vqSteps=4", "--pretrain.vqBatch=4", "--pretrain.steps=4", "--pretrain.batch=4"];
    const { code, text } = await run("tasks/pretrain_tiny.ts", ...sizes, `--run=${folder}/run`);
    if (text.includes("Cannot train from nothing on wasm")) return; // there is no libtensorflow on this machine
    assertEquals(code, 0, text);
    const next = await run("tasks/train_cwm.ts", `--model.path=${folder}/run/model`, "--dry-run");
    assertEquals(next.code, 0, next.text);
  }));
