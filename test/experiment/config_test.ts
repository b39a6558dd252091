import { UserError } from "../../lib/errors.ts";
import { configKeys, resolveConfig } from "../../lib/experiment/config.ts";
import { assert, assertEquals, assertThrows, withFolder } from "../support.ts";

const CONFIGS = new URL("../../data/configs", import.meta.url).pathname;

Deno.test("resolveConfig() reads every shipped file", () => {
  for (const { name } of Deno.readDirSync(CONFIGS)) resolveConfig(`${CONFIGS}/${name}`, []);
});

Deno.test("resolveConfig() refuses every key of every shipped file when it is misspelt, with line and nearest key", () =>
  withFolder((folder) => {
    let tried = 0;
    for (const { name } of Deno.readDirSync(CONFIGS)) {
      const lines = Deno.readTextFileSync(`${CONFIGS}/${name}`).split("\n");
      lines.forEach((line, i) => {
        const match = /^(\s*)(\w+):/.exec(line);
        if (!match) return;
        const [, indent, key] = match as unknown as [string, string, string];
        const path = `${folder}/${name}`;
        Deno.writeTextFileSync(path, lines.with(i, line.replace(`${indent}${key}:`, `${indent}${key}x:`)).join("\n"));
        const { message } = assertThrows(() => resolveConfig(path, []), UserError);
        assert(message.startsWith(`${path}:${i + 1}: there is no key`), message);
        assert(message.includes(`the nearest is "`) && message.includes(`${key}"`), message);
        tried++;
      });
    }
    assert(tried > 10, `${tried} keys were tried`);
  }));

Deno.test("resolveConfig() refuses every key of the schema when it is misspelt on the command line", () => {
  for (const key of configKeys()) {
    const { message } = assertThrows(() => resolveConfig(undefined, [{ key: `${key}q`, value: "1" }]), UserError);
    assert(message.startsWith(`--${key}q: there is no key "${key}q"; the nearest is "${key}"`), message);
  }
});

const WRONG: readonly (readonly [key: string, value: string, message: string])[] = [
  ["cwm.lr", "fast", 'Cannot use "--cwm.lr=fast": give a number above 0'],
  ["cwm.steps", "1.5", 'Cannot use "--cwm.steps=1.5": give a whole number from 0 on'],
  ["data.world", "1e30", 'Cannot use "--data.world=1e30": give a whole number above 0'],
  ["sample.topP", "0", 'Cannot use "--sample.topP=0": give a number above 0, 1 at most'],
  ["cwm.floor", "2", 'Cannot use "--cwm.floor=2": give a number from 0 to 1'],
  ["cwm.weights", "l3", 'Cannot use "--cwm.weights=l3": give l2 or none'],
  ["cwm.checkpointing", "yes", 'Cannot use "--cwm.checkpointing=yes": give true or false'],
  ["experiment", "../x", 'Cannot use "--experiment=../x": give a name of letters, digits, _, . and -'],
  ["bench.aurora", "3", 'Cannot use "--bench.aurora=3": give a text, or a list such as [A, B] or [], each a text'],
  ["plan.gpus", "[2, many]", 'Cannot use "--plan.gpus=[2, many]": "plan.gpus.1" takes a whole number above 0'],
  ["cwm", "{steps: x}", 'Cannot use "--cwm={steps: x}": "cwm.steps" takes a whole number from 0 on'],
  ["cwm.lora.rank.x", "3", 'Cannot use "--cwm.lora.rank.x=3": "cwm.lora.rank" takes a whole number above 0'],
  ["data.downsample", "3", 'Cannot use "--data.downsample=3": give {NAME: …}, for each name a whole number above 0'],
  ["annotate.datasets", "{a: 3}", '"annotate.datasets.a" takes a section with videos, clips, hours'],
  [
    "annotate.datasets",
    "{a b: {videos: x}}",
    'Cannot use "a b" as a name in "annotate.datasets": give a name of letters, digits, _, . and -',
  ],
];

Deno.test("resolveConfig() says of a value that cannot be what it is, and what is wanted", () => {
  for (const [key, value, message] of WRONG) assertThrows(() => resolveConfig(undefined, [{ key, value }]), UserError, message);
});

Deno.test("resolveConfig() names the line of a value of another type, and of broken YAML", () =>
  withFolder((folder) => {
    Deno.writeTextFileSync(`${folder}/a.yaml`, "seed: 1\ncwm:\n  batch: many\n");
    assertThrows(
      () => resolveConfig(`${folder}/a.yaml`, []),
      UserError,
      `${folder}/a.yaml:3: Cannot use "many" for "cwm.batch": give a whole`,
    );
    Deno.writeTextFileSync(`${folder}/a.yaml`, "seed: &a [*a]\n");
    assertThrows(() => resolveConfig(`${folder}/a.yaml`, []), UserError, 'Cannot use a list for "seed": give a whole');
    Deno.writeTextFileSync(`${folder}/b.yaml`, "seed: 1\ncwm: [\n");
    assertThrows(() => resolveConfig(`${folder}/b.yaml`, []), UserError, `${folder}/b.yaml:`);
    assertThrows(() => resolveConfig(`${folder}/c.yaml`, []), UserError, "give the path of a YAML file");
  }));

Deno.test("resolveConfig() knows the section that a misplaced key belongs to", () => {
  const { message } = assertThrows(() => resolveConfig(undefined, [{ key: "cwm.rank", value: "8" }]), UserError);
  assert(message.includes('the nearest is "cwm.lora.rank" in section "cwm.lora"'), message);
});

Deno.test("resolveConfig() is not fooled by keys of Object.prototype", () => {
  assertThrows(() => resolveConfig(undefined, [{ key: "__proto__.polluted", value: "1" }]), UserError);
  assertEquals(({} as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("resolveConfig() refuses alias bombs, binary values, devices and large files in our own words", () =>
  withFolder((folder) => {
    const bomb = [
      "a: &a [x, x, x, x, x, x, x, x, x]",
      ..."bcdefgh".split("").map((name, i) => `${name}: &${name} [${Array(9).fill("*" + "abcdefgh"[i]).join(", ")}]`),
    ];
    Deno.writeTextFileSync(`${folder}/bomb.yaml`, bomb.join("\n"));
    assertThrows(() => resolveConfig(`${folder}/bomb.yaml`, []), UserError, `${folder}/bomb.yaml:1: the YAML expands to too many aliases`);
    Deno.writeTextFileSync(`${folder}/binary.yaml`, "seed: !!binary aGVsbG8=\n");
    const { message } = assertThrows(() => resolveConfig(`${folder}/binary.yaml`, []), UserError);
    assert(!/Buffer|Uint8Array/.test(message), message);
    assertThrows(() => resolveConfig(folder, []), UserError, "as it is a folder");
    assertThrows(() => resolveConfig("/dev/zero", []), UserError, "a device or a pipe");
    Deno.writeTextFileSync(`${folder}/mark.yaml`, "\ufeffseed: 3\n");
    assertEquals(resolveConfig(`${folder}/mark.yaml`, []).seed, 3);
    Deno.writeTextFileSync(`${folder}/large.yaml`, " ".repeat(2 ** 20 + 1));
    assertThrows(() => resolveConfig(`${folder}/large.yaml`, []), UserError, "at most 1048576 are read");
  }));
