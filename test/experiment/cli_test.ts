import { UserError } from "../../lib/errors.ts";
import { listOf, parseArguments } from "../../lib/experiment/cli.ts";
import { BENCH_FLAG } from "../../lib/experiment/task.ts";
import { assert, assertEquals, assertThrows } from "../support.ts";

const TASK = { name: "train-cwm", about: "", sections: ["cwm"] } as const;

Deno.test("parseArguments() refuses what it does not know", () => {
  assertThrows(() => parseArguments(["fast"], TASK), UserError, 'Cannot use the argument "fast"');
  assertThrows(() => parseArguments(["--fast"], TASK), UserError, "without a value");
  assertThrows(() => parseArguments(["--run="], TASK), UserError, "without a value");
  assertEquals(parseArguments(["--run=x", "--cwm.batch=2"], TASK)?.config.cwm.batch, 2);
});

const SAMPLE = {
  ...TASK,
  name: "sample",
  sections: ["sample"],
  flags: { shard: "a part", ...BENCH_FLAG },
  switches: { fast: "sooner" },
  verbs: { serve: "a server" },
} as const;

Deno.test("parseArguments() tells verbs, switches, flags and keys of the configuration apart", () => {
  const parsed = parseArguments(["serve", "--fast", "--shard=0/2", "--sample.batch=3", "--bench=a.json", "--seed=7"], SAMPLE)!;
  assertEquals([parsed.verb, parsed.flags], ["serve", { fast: "", shard: "0/2", bench: "a.json" }]);
  assertEquals([parsed.config.sample.batch, parsed.config.seed, parsed.config.bench.aurora], [3, 7, "a.json"]);
  assertEquals(parsed.overrides.map(({ key }) => key), ["sample.batch", "seed", "bench.aurora"]);
  assertThrows(() => parseArguments(["serve", "serve"], SAMPLE), UserError, 'Cannot use the argument "serve"');
  assertThrows(() => parseArguments(["--shard="], SAMPLE), UserError, 'Cannot use "--shard" without a value');
});

Deno.test("parseArguments() names the flag that was meant, and leaves what is nearer to a key of the configuration to its message", () => {
  const refused = [["--shards=0/2", "shard"], ["--restrat", "restart"], ["--dryrun", "dry-run"], ["--fastt", "fast"]] as const;
  for (const [arg, near] of refused) assertThrows(() => parseArguments([arg], SAMPLE), UserError, `the nearest is --${near}, and`);
  assertThrows(() => parseArguments(["--sead=1"], SAMPLE), UserError, 'there is no key "sead"; the nearest is "seed"');
});

Deno.test("parseArguments() takes an empty value for what a config has, and refuses it for what is empty already", () => {
  const epic = (...args: string[]) => parseArguments(args, TASK)!.config.data.epic;
  assertEquals(epic("--config=data/configs/paper.yaml", "--data.epic="), "");
  assertEquals(epic("--data.epic=a.csv", "--data.epic="), "");
  const sentence = 'Cannot use "--data.epic=" as it is empty already: give --data.epic=VALUE, or leave it out';
  assertThrows(() => epic("--data.epic="), UserError, sentence); // as a shell writes it where a variable is not set
  assertThrows(() => epic("--data.epci="), UserError, 'there is no key "data.epci"');
});

Deno.test("parseArguments() takes the last of a flag that is given twice", () => {
  assertEquals(parseArguments(["--shard=0/2", "--shard=1/2"], SAMPLE)!.flags["shard"], "1/2");
});

Deno.test("parseArguments() shows help of the flags, verbs and keys that a task has, with the values in force, and gives nothing", () => {
  const [log, shown] = [console.log, [] as string[]];
  console.log = (text: string) => shown.push(text);
  try {
    assertEquals(parseArguments(["--help", "--sample.batch=5"], SAMPLE), undefined);
  } finally {
    console.log = log;
  }
  const [text] = shown as [string];
  for (const part of ["deno task sample [serve]", "--shard=…", "a part", "--fast", "sooner", "--restart", "--run=…"]) {
    assert(text.includes(part), part);
  }
  assert(/sample\.batch\b.*\b5\b.*command line/.test(text), text);
  assert(!text.includes("cwm.lr"), "a section that the task does not read");
});

Deno.test("listOf() takes the names between commas, and none where nothing is", () => {
  assertEquals([listOf("a,b"), listOf(",a,,"), listOf(""), listOf(undefined)], [["a", "b"], ["a"], [], []]);
});
