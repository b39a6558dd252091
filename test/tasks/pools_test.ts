import type { Candidate } from "../../lib/judge/mod.ts";
import { exists } from "../../lib/files.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const VERIFY = ["--verify.adapter=base", "--verify.cdm=base", "--verify.candidates=3", "--verify.repeats=2"];

async function run(path: string, ...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${ROOT}tasks/${path}`, `--config=${ROOT}data/configs/micro.yaml`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

async function finished(path: string, ...args: string[]): Promise<string> {
  const { code, text } = await run(path, ...args);
  assertEquals(code, 0, text);
  return text;
}

const linesOf = (folder: string) =>
  Deno.readTextFileSync(`${folder}/candidates.jsonl`).trim().split("\n").map((line) => JSON.parse(line) as Candidate);
const skippedOf = (folder: string) =>
  Deno.readTextFileSync(`${folder}/skipped.jsonl`).trim().split("\n").map((line) => JSON.parse(line) as { id: string; reason: string });

/** A run as a kill leaves it: not finished, its log cut within a line. */
async function cutCopy(from: string, to: string, bytes: number): Promise<void> {
  await new Deno.Command("cp", { args: ["-r", from, to] }).output();
  const manifest = JSON.parse(Deno.readTextFileSync(`${from}/manifest.json`));
  Deno.writeTextFileSync(`${to}/manifest.json`, JSON.stringify({ ...manifest, finished: null }));
  Deno.removeSync(`${to}/result.json`);
  Deno.writeFileSync(`${to}/candidates.jsonl`, Deno.readFileSync(`${from}/candidates.jsonl`).slice(0, bytes));
}

Deno.test("verify keeps every candidate and goes on after a kill; judge and evaluate-images fill the pools, and report shows them", () =>
  withFolder(async (folder) => {
    await finished("verify.ts", ...VERIFY, `--run=${folder}/verify`);
    const candidates = linesOf(`${folder}/verify`);
    assertEquals(candidates.length, 10 * 3 * 2);
    for (const { image } of candidates) assert(exists(`${folder}/verify/${image}`), image);
    assertEquals(candidates.slice(0, 3).map(({ index }) => index), [0, 1, 2]);
    const best = candidates.slice(0, 3).toSorted((a, b) => b.logLikelihood - a.logLikelihood)[0]!;
    assertEquals(candidates.slice(0, 3).filter(({ chosen }) => chosen), [best]);
    assertEquals(new Set(candidates.map(({ repeat, seed }) => `${repeat} ${seed}`)), new Set(["0 1", "1 2"]));
    await cutCopy(`${folder}/verify`, `${folder}/cut`, 0);
    Deno.removeSync(`${folder}/cut/parts/000/002.jsonl`); // killed before the second repeat's first batch was whole
    await finished("verify.ts", ...VERIFY, `--run=${folder}/cut`);
    assertEquals(linesOf(`${folder}/cut`), candidates);

    // the tiny world's judge says of the pictures what verify itself said; two shards are joined
    const pools = `--pools=C-FT=${folder}/verify`;
    for (const i of [0, 1]) await finished("judge.ts", pools, `--shard=${i}/2`, `--run=${folder}/judge-pools-${i}-of-2`);
    const judged = [0, 1].flatMap((i) => linesOf(`${folder}/judge-pools-${i}-of-2`));
    const keyOf = ({ id, repeat, index }: Candidate) => `${id} ${repeat} ${index}`;
    assertEquals(
      new Map(judged.toSorted((a, b) => keyOf(a) < keyOf(b) ? -1 : 1).map((one) => [keyOf(one), one.scores["world"]])),
      new Map(candidates.toSorted((a, b) => keyOf(a) < keyOf(b) ? -1 : 1).map((one) => [keyOf(one), one.scores["world"]])),
    );

    // pictures that are missing, broken, or of another size
    const [missing, broken, odd] = [candidates[0]!, candidates[4]!, candidates[8]!];
    Deno.removeSync(`${folder}/verify/${missing.image}`);
    Deno.writeTextFileSync(`${folder}/verify/${broken.image}`, "no picture");
    const wide = { width: 32, height: 64, data: new Uint8Array(32 * 64 * 3) };
    Deno.writeFileSync(`${folder}/verify/${odd.image}`, await encodePng(wide));
    const clip = `--evaluate.clip=${ROOT}test/parity/reference/clip`; // random weights in CLIP's form
    const said = await finished("evaluate_images.ts", pools, clip, `--run=${folder}/pictures-pools`);
    assert(said.includes("17 of 20 pools are measured whole"), said);
    const reasons = skippedOf(`${folder}/pictures-pools`).map(({ id, reason }) => `${id}: ${reason}`);
    assertEquals(reasons.length, 3);
    assert(reasons.some((text) => text.includes("repeat 0, candidate 0") && text.includes("is not there")), reasons.join("\n"));
    assert(reasons.some((text) => text.includes("candidate 1: Cannot read") && text.includes("as an image")), reasons.join("\n"));
    assert(
      reasons.some((text) => text.endsWith("it has 32 × 64 pixels, the system's other candidates 64 × 64")),
      reasons.join("\n"),
    );
    const measured = linesOf(`${folder}/pictures-pools`);
    await cutCopy(`${folder}/pictures-pools`, `${folder}/again`, 2000);
    await finished("evaluate_images.ts", pools, clip, `--run=${folder}/again`);
    assertEquals(linesOf(`${folder}/again`), measured);

    const of = `--of=${folder}/judge-pools,${folder}/pictures-pools,${folder}/verify`;
    await finished("report.ts", of, `--run=${folder}/report`);
    const rows = (name: string) => JSON.parse(Deno.readTextFileSync(`${folder}/report/${name}.json`)) as Record<string, unknown>[];
    const names = rows("judge-pools").map(({ source, system }) => `${source} ${system}`);
    assertEquals(names.slice(0, 3), ["measured C-FT", "measured C-FT verified, N = 3", "measured C-FT best-of-3"]);
    assert(names.includes("published C-FT best-of-3"), names.join("\n"));
    assert(rows("pictures-pools").some(({ system, l1_aligned }) => system === "C-FT best-of-3" && typeof l1_aligned === "number"));
    const chosen = rows("pictures-pools").filter(({ source, subset }) => source === "measured" && subset === "all");
    const clips = chosen.map(({ clip_i }) => clip_i as number);
    assert(clips.length === 3 && clips[2]! >= clips[0]! && clips[2]! <= 1, JSON.stringify(chosen)); // one, verified, best-of-3
    assertEquals(new Set(rows("judge-pools-curves-world").map(({ chooser }) => chooser)), new Set(["dynamics model", "oracle", "random"]));
    assert(exists(`${folder}/report/pictures-pools-curves-l1_paper.png`) && exists(`${folder}/report/judge-pools-curves-world.png`));

    const refused = async (path: string, ...args: string[]) => {
      const { code, text } = await run(path, ...args, `--run=${folder}/refused`);
      assert(code === 1 && !exists(`${folder}/refused`), text);
      return text;
    };
    assert((await refused("judge.ts", pools, "--systems=copy")).includes("Cannot judge systems and pools in one run"));
    assert((await refused("judge.ts", `${pools},C-FT=${folder}/cut`)).includes('Cannot tell two pools named "C-FT" apart'));
    const other = (await refused("evaluate_images.ts", pools, "--seed=2")).includes("they hold no candidate of this bench");
    assert(other, "another bench is not told");
    Deno.writeTextFileSync(`${folder}/verify/candidates.jsonl`, '{"id":"a","rewards":[1]}\n');
    assert((await refused("judge.ts", pools)).includes("Cannot use line 1 of"));
    Deno.removeSync(`${folder}/verify/result.json`);
    assert((await refused("judge.ts", pools)).includes("it holds no finished run"));
  }));
