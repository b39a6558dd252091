import { parquetWriteBuffer } from "hyparquet-writer";
import { exists } from "../../lib/files.ts";
import { encodeJpeg } from "../../lib/tokens/images.ts";
import { renderVideo, worldVideos } from "../../lib/world/mod.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("annotate --annotate.videos=FILE.parquet annotates videos whose frames are rows, and leaves none of them behind", () =>
  withFolder(async (folder) => {
    const videos = worldVideos("easy", 1, 40).filter(({ kind }) => kind === "action").slice(0, 4);
    const rows: { image: { bytes: Uint8Array; path: string }; video_id: string; frame: bigint; label: bigint }[] = [];
    for (const video of videos) {
      for (const [i, image] of (await renderVideo(video)).entries()) {
        rows.push({ image: { bytes: await encodeJpeg(image, 95), path: "x.jpg" }, video_id: video.id, frame: BigInt(i), label: 1n });
      }
    }
    const schema = [
      { name: "root", num_children: 4 },
      { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
      { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
      { name: "video_id", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
      { name: "frame", type: "INT64", repetition_type: "OPTIONAL" },
      { name: "label", type: "INT64", repetition_type: "OPTIONAL" },
    ];
    const kvMetadata = [{ key: "huggingface", value: JSON.stringify({ info: { features: { label: { names: ["stand", "roll"] } } } }) }];
    const columnData = (["image", "video_id", "frame", "label"] as const).map((name) => ({ name, data: rows.map((row) => row[name]) }));
    const bytes = parquetWriteBuffer({ schema, columnData, kvMetadata, rowGroupSize: 50 } as never);
    Deno.writeFileSync(`${folder}/videos.parquet`, new Uint8Array(bytes));
    const experiment = `test-${Deno.pid}-parquet`;
    const micro = [`--config=${ROOT}data/configs/micro.yaml`, `--experiment=${experiment}`, `--run=${folder}/run`];
    const asked = ["--annotate.rate=25", "--annotate.sheets=true"];
    const annotate = async (path: string) => {
      const args = ["run", "-A", `${ROOT}tasks/annotate.ts`, ...micro, ...asked, `--annotate.videos=${path}`];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    };
    try {
      const { code, text } = await annotate(`${folder}/videos.parquet`);
      assertEquals(code, 0, text);
      const lines = Deno.readTextFileSync(`${folder}/run/trajectories.jsonl`).trim().split("\n").map((line) => JSON.parse(line));
      assert(lines.length > 0 && lines.every(({ label }) => label === "roll"), text);
      assert(lines.every(({ source }) => exists(`${folder}/run/${source}`)));
      assertEquals([...Deno.readDirSync(`${folder}/run/videos`)], []);
      assertEquals([...Deno.readDirSync(`${folder}/run/sheets`)].length, new Set(lines.map(({ video }) => video)).size);
      Deno.writeFileSync(`${folder}/cut.parquet`, new Uint8Array(bytes).subarray(0, 1000));
      const cut = await annotate(`${folder}/cut.parquet`);
      assert(cut.code === 1 && cut.text.includes('cut.parquet as parquet: it does not end with "PAR1": it is cut off'), cut.text);
    } finally {
      await Deno.remove(`${ROOT}runs/${experiment}`, { recursive: true }).catch(() => {}); // the first run may not have come so far
    }
  }));

Deno.test("annotate --annotate.from says of earlier pairs what was said of the videos, real ones too, and the oracle what was done", () =>
  withFolder(async (folder) => {
    const experiment = `test-${Deno.pid}-again`;
    const annotate = async (name: string, ...args: string[]) => {
      const micro = [`--config=${ROOT}data/configs/micro.yaml`, `--experiment=${experiment}`, `--run=${folder}/${name}`];
      const all = ["run", "-A", `${ROOT}tasks/annotate.ts`, ...micro, "--annotate.world=8", ...args];
      const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: all, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      return Deno.readTextFileSync(`${folder}/${name}/trajectories.jsonl`).trim().split("\n").map((line) => JSON.parse(line));
    };
    try {
      const first = await annotate("first");
      assertEquals(await annotate("again", `--annotate.from=${folder}/first/trajectories.jsonl`), first);
      assert(first.every(({ source }) => exists(`${folder}/again/${source}`)));
      const last = first.findLast(({ id }) => id.endsWith("#1")) ?? first.at(-1)!;
      Deno.writeTextFileSync(`${folder}/first/last.jsonl`, JSON.stringify(last));
      assertEquals((await annotate("last", `--annotate.from=${folder}/first/last.jsonl`)).map(({ id }) => id), [last.id]); // its own name
      const told = await annotate("oracle", `--annotate.from=${folder}/first/trajectories.jsonl`, "--annotate.oracle=true");
      assert(told.length > 2 && told.every(({ right }) => right), `${told.length} pairs with their action`);
      const real = first.map(({ right: _, ...one }) => ({ ...one, id: `clips/${one.id}`, video: `clips/${one.video}` }));
      Deno.writeTextFileSync(`${folder}/first/real.jsonl`, real.map((one) => JSON.stringify(one) + "\n").join(""));
      const again = await annotate("real", `--annotate.from=${folder}/first/real.jsonl`);
      assertEquals(again.map(({ source: _, target: __, ...one }) => one), real.map(({ source: _, target: __, ...one }) => one));
    } finally {
      await Deno.remove(`${ROOT}runs/${experiment}`, { recursive: true }).catch(() => {});
    }
  }));

Deno.test("annotate --annotate.from refuses sheets of videos, and the oracle of real ones, before it looks for a model", () =>
  withFolder(async (folder) => {
    const one = { id: "a.mp4#0", video: "a.mp4", label: "roll", source: "a.png", target: "b.png", action: "roll it", score: -0.5 };
    Deno.writeTextFileSync(`${folder}/trajectories.jsonl`, JSON.stringify(one));
    const start = async (...args: string[]) => {
      const from = [`--annotate.from=${folder}/trajectories.jsonl`, `--annotate.cdm=${folder}/none`, `--run=${folder}/run`];
      const all = ["run", "-A", `${ROOT}tasks/annotate.ts`, ...from, ...args];
      const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: all, cwd: ROOT, env: { NO_COLOR: "1" } }).output();
      return { code, text: new TextDecoder().decode(stderr).trim() };
    };
    const sheets = await start("--annotate.sheets=true");
    assert(sheets.code === 1 && sheets.text.includes("Cannot draw sheets of videos (annotate.sheets) with annotate.from"), sheets.text);
    const oracle = await start("--annotate.oracle=true");
    assert(oracle.code === 1 && oracle.text.includes('videos alone; "a.mp4" is not among those of this seed'), oracle.text);
    assert(!exists(`${folder}/run`));
  }));
