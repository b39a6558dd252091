/**
 * Mutated files of every kind that is read, thousands of them, each in a process that may die of it: a file is read, or refused by one
 * sentence, within seconds, with no memory and no tensor left.
 *
 *   deno run -A test/faults/campaign.ts 10000
 *
 * reads 10,000 files; a second argument names one kind, a third the first seed.
 *
 * @module
 */
import sharp from "sharp";
import { encodePng, type RgbImage } from "../../lib/tokens/mod.ts";
import { unpackMeta } from "../convert/support.ts";
import { renderVideo, worldTrajectories, worldVideos } from "../../lib/world/mod.ts";
import { writeMp4 } from "../../lib/video/mod.ts";
import { bitmap } from "../tokens/bitmap.ts";
import { KINDS } from "./read_mutated.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const READER = new URL("read_mutated.ts", import.meta.url).pathname;
const PATIENCE = 20_000; // ms for one file, and for the engine to open

/** What a campaign found of a kind. */
export interface Findings {
  /** The kind of files. */
  readonly kind: string;
  /** How many there were. */
  readonly files: number;
  /** How many of them were refused; the others were read. */
  readonly refused: number;
  /** What went wrong, with the seed that shows it again. */
  readonly wrong: readonly { readonly seed: number; readonly wrong: string }[];
}

/**
 * Reads mutated files of a kind.
 *
 * @param folder made by `wholeFiles`
 * @param kind their kind
 * @param from first seed
 * @param count how many
 * @returns what went wrong
 */
export async function readMutated(folder: string, kind: string, from: number, count: number): Promise<Findings> {
  const wrong: { seed: number; wrong: string }[] = [];
  let refused = 0;
  for (let next = from; next < from + count;) {
    const end = await readFrom(folder, kind, next, from + count, (line) => line.wrong ? wrong.push(line) : refused++);
    if (end.reached < from + count) wrong.push({ seed: end.reached, wrong: end.how });
    next = end.reached + 1;
  }
  return { kind, files: count, refused, wrong };
}

/** Lets a process read until it is done, dies or stands still. */
async function readFrom(
  folder: string,
  kind: string,
  from: number,
  to: number,
  found: (line: { seed: number; wrong: string }) => void, // of a refused one without `wrong`
): Promise<{ reached: number; how: string }> {
  const args = ["run", "-A", "--no-check", READER, folder, kind, `${from}`, `${to}`];
  const child = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "piped", stderr: "null" }).spawn();
  let [reached, isLate] = [from, false];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
    }, PATIENCE);
  };
  wait();
  let text = "";
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    wait();
    const lines = (text + piece).split("\n");
    text = lines.pop()!;
    for (const line of lines) {
      const { seed, refused, wrong, done } = JSON.parse(line);
      if (done) reached = to;
      else if (refused || wrong) found({ seed, wrong });
      else reached = seed;
    }
  }
  clearTimeout(timer);
  const { code, signal } = await child.status;
  return { reached, how: isLate ? `nothing for ${PATIENCE / 1000} s` : `the process ended with ${signal ?? `code ${code}`}` };
}

/** Makes a folder of whole files, one of each kind and what belongs to it. */
export async function wholeFiles(folder: string): Promise<void> {
  const reference = `${ROOT}test/parity/reference`;
  for (const name of ["adapter", "model", "tiny", "frames", "work"]) Deno.mkdirSync(`${folder}/${name}`, { recursive: true });
  for (const name of ["adapter_config.json", "adapter_model.safetensors"]) {
    Deno.copyFileSync(`${reference}/adapter/${name}`, `${folder}/adapter/${name}`);
  }
  for (const name of ["config.json", "model.safetensors"]) Deno.copyFileSync(`${reference}/${name}`, `${folder}/model/${name}`);
  Deno.copyFileSync(`${ROOT}data/tiny/tokenizer.json`, `${folder}/tiny/tokenizer.json`);
  Deno.copyFileSync(`${ROOT}data/configs/paper.yaml`, `${folder}/config.yaml`);
  Deno.copyFileSync(`${reference}/frames.parquet`, `${folder}/frames.parquet`);
  await unpackMeta(`${folder}/meta`);
  Deno.renameSync(`${folder}/meta/models/7b/consolidated.00.pth`, `${folder}/consolidated.pth`);
  const world = worldTrajectories("easy", 1, "bench", 2);
  const pictures = await Promise.all(world.flatMap(({ source, target }) => [source.load(), target.load()]));
  await writePictures(folder, pictures);
  const [video] = worldVideos("easy", 1, 1);
  await writeMp4(`${folder}/video.mp4`, await renderVideo(video!), 12, { comment: "made for a test" });
  Deno.copyFileSync(`${folder}/video.mp4`, `${folder}/abc_-1_000010_000020.mp4`); // the one that Kinetics' list names
  writeLists(folder);
}

/** A picture in every format, and frames that lists name. */
async function writePictures(folder: string, pictures: readonly RgbImage[]): Promise<void> {
  const { data, width, height } = pictures[0]!;
  const raw = () => sharp(data, { raw: { width, height, channels: 3 } });
  for (const format of ["jpeg", "webp", "gif"] as const) {
    Deno.writeFileSync(`${folder}/picture.${format}`, new Uint8Array(await raw().toFormat(format).toBuffer()));
  }
  Deno.writeFileSync(`${folder}/picture.png`, await encodePng(pictures[0]!, '<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'));
  Deno.writeFileSync(`${folder}/picture.bmp`, bitmap());
  for (const [i, picture] of pictures.entries()) Deno.writeFileSync(`${folder}/frames/${i}.png`, await encodePng(picture));
}

/** Lists of trajectories in every layout. */
function writeLists(folder: string): void {
  const entry = (i: number) => ({
    input: `frames/${i}.png`,
    output: `frames/${i + 1}.png`,
    instruction: "remove the red circle",
    task: "world",
  });
  Deno.writeTextFileSync(`${folder}/aurora.json`, JSON.stringify([entry(0), entry(2)], null, 1));
  const annotated = (i: number) => ({
    ...{ id: `video#${i}`, video: "video", label: "remove", source: `frames/${i}.png`, target: `frames/${i + 1}.png`, action: "remove it" },
    ...{ score: -0.5, sum: -3, cdm: "ab12", sourceTime: 0.5, targetTime: 1.5, sourceFrame: 6, targetFrame: 18, duration: 3 },
  });
  Deno.writeTextFileSync(`${folder}/trajectories.jsonl`, [0, 2].map((i) => JSON.stringify(annotated(i)) + "\n").join(""));
  const epic = ["narration_id,participant_id,video_id,narration,start_frame,stop_frame", "P01_01_0,P01,P01_01,open door,1,9"];
  Deno.writeTextFileSync(`${folder}/epic.csv`, epic.join("\n"));
  const kinetics = ["label,youtube_id,time_start,time_end,split", "roll,abc_-1,10,20,train", '"a ""b"" c",def,1,11,train'];
  Deno.writeTextFileSync(`${folder}/kinetics.csv`, kinetics.join("\n"));
}

if (import.meta.main) {
  const [count = "10000", only, from = "0"] = Deno.args;
  const kinds = Object.keys(KINDS).filter((kind) => only === undefined || kind === only);
  const root = Deno.makeTempDirSync({ prefix: "worldstrap-mutated-" });
  const folder = `${root}/sound`;
  await wholeFiles(folder);
  let wrong = 0;
  for (const kind of kinds) {
    const started = performance.now();
    const found = await readMutated(folder, kind, Number(from), Math.ceil(Number(count) / kinds.length));
    wrong += found.wrong.length;
    console.log(
      `${kind}: ${found.files} files, ${found.refused} refused, ${found.wrong.length} wrong, ${
        ((performance.now() - started) / 1000).toFixed(0)
      } s`,
    );
    for (const one of found.wrong.slice(0, 5)) console.log(`  seed ${one.seed}: ${one.wrong.split("\n").slice(0, 6).join("\n    ")}`);
  }
  Deno.removeSync(root, { recursive: true });
  console.log(wrong === 0 ? "nothing wrong" : `${wrong} wrong`);
  Deno.exit(wrong === 0 ? 0 : 1);
}
