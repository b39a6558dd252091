/**
 * Reads mutated files of one kind, in a copy of a folder: `FOLDER KIND FROM TO`. Each is read, or refused in one sentence. A line of JSON before each file, so that
 * who started this knows which one ended or stopped the process, and one for each that is refused, or is not as it should be.
 *
 * @module
 */
import { cpSync } from "node:fs";
import { openBackend, tf } from "../../lib/engine/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { readTorchFile } from "../../lib/convert/torch_file.ts";
import { resolveConfig } from "../../lib/experiment/config.ts";
import { parent } from "../../lib/files.ts";
import { disposeModel, planCheckpoint } from "../../lib/model/checkpoint.ts";
import { disposeAdapter } from "../../lib/model/lora.ts";
import { loadAdapter, loadModel } from "../../lib/model/mod.ts";
import { inspectFile } from "../../lib/provenance/mod.ts";
import { earlierPairs, openVideos } from "../../lib/synthesis/mod.ts";
import { decodeImage, loadVocabulary } from "../../lib/tokens/mod.ts";
import { readAurora, readEpic } from "../../lib/trajectories/mod.ts";
import { readFrames, videoComment } from "../../lib/video/mod.ts";
import { mutated } from "./mutations.ts";

/** A kind of files: which of the folder's files is mutated, and how it is read. */
interface Kind {
  readonly file: string;
  readonly read: (path: string, folder: string) => unknown;
}

/** The kinds, by name; the file's folder holds what belongs to it, whole. */
export const KINDS: Readonly<Record<string, Kind>> = {
  adapter: { file: "adapter/adapter_model.safetensors", read: (_, folder) => readAdapter(`${folder}/adapter`) },
  "adapter config": { file: "adapter/adapter_config.json", read: (_, folder) => readAdapter(`${folder}/adapter`) },
  weights: { file: "model/model.safetensors", read: (_, folder) => disposeModel(loadModel(`${folder}/model`, "float32")) },
  config: { file: "model/config.json", read: (_, folder) => disposeModel(loadModel(`${folder}/model`, "float32")) },
  tokenizer: { file: "tiny/tokenizer.json", read: (_, folder) => loadVocabulary(`${folder}/tiny`, 1000) },
  yaml: { file: "config.yaml", read: (path) => resolveConfig(path, []) },
  aurora: { file: "aurora.json", read: (path) => readAurora(path) },
  epic: { file: "epic.csv", read: (path) => readEpic(path) },
  kinetics: { file: "kinetics.csv", read: (path, folder) => openVideos(path, `${folder}/work`) },
  annotated: { file: "trajectories.jsonl", read: readPairs },
  parquet: { file: "frames.parquet", read: readParquet },
  torch: { file: "consolidated.pth", read: (path) => readTorchFile(path) },
  png: { file: "picture.png", read: readPicture },
  jpeg: { file: "picture.jpeg", read: readPicture },
  webp: { file: "picture.webp", read: readPicture },
  gif: { file: "picture.gif", read: readPicture },
  bmp: { file: "picture.bmp", read: readPicture },
  mp4: { file: "video.mp4", read: readVideo },
};

const REFERENCE = new URL("../parity/reference", import.meta.url).pathname;

function readAdapter(folder: string): void {
  disposeAdapter(loadAdapter(folder, planCheckpoint(REFERENCE, "float32").config));
}

async function readPairs(path: string): Promise<void> {
  const { videos, pairsOf } = earlierPairs(path);
  for (const video of videos) await pairsOf(video);
}

async function readParquet(path: string, folder: string): Promise<void> {
  const { videos } = await openVideos(path, `${folder}/work`);
  for (const { write } of videos.slice(0, 2)) await write?.();
}

async function readPicture(path: string): Promise<void> {
  const isSound = await decodeImage(Deno.readFileSync(path), path).then(() => true, (error) => error instanceof UserError ? false : error);
  if (isSound instanceof Error) throw isSound;
  await inspectFile(path);
}

async function readVideo(path: string): Promise<void> {
  let frames = 0;
  for await (const { data } of readFrames(path, { format: "rgb24", side: 64 })) if (data.length > 0 && ++frames === 40) break;
  await videoComment(path);
}

const MOST_WORDS = 1000; // characters of what is said
const MOST_MEMORY = 2 ** 30; // bytes that the process may grow by while it reads one

if (import.meta.main) await main();

/** Reads the files; what is wrong is printed. */
async function main(): Promise<void> {
  const [sound, name, from, to] = Deno.args as [string, string, string, string];
  const { file, read } = KINDS[name]!;
  const folder = Deno.makeTempDirSync({ dir: parent(sound) });
  cpSync(sound, folder, { recursive: true });
  const path = `${folder}/${file}`;
  const whole = Deno.readFileSync(path);
  await openBackend();
  await read(path, folder); // as it is, it is read
  for (let seed = Number(from); seed < Number(to); seed++) {
    console.log(JSON.stringify({ seed }));
    Deno.writeFileSync(path, mutated(whole, name, seed));
    const [before, tensors] = [Deno.memoryUsage().rss, tf.memory().numTensors];
    const { refused, wrong } = await outcomeOf(() => read(path, folder));
    if (refused) console.log(JSON.stringify({ seed, refused }));
    const grown = Deno.memoryUsage().rss - before;
    if (wrong) console.log(JSON.stringify({ seed, wrong }));
    const left = tf.memory().numTensors - tensors;
    if (left > 0) console.log(JSON.stringify({ seed, wrong: `${left} tensors are left` }));
    if (grown > MOST_MEMORY) console.log(JSON.stringify({ seed, wrong: `${Math.round(grown / 2 ** 20)} MiB of memory` }));
  }
  Deno.removeSync(folder, { recursive: true });
  console.log(JSON.stringify({ done: true }));
}

/** By which words a file was refused, and what is wrong with them. */
export async function outcomeOf(read: () => unknown): Promise<{ readonly refused?: string; readonly wrong?: string }> {
  try {
    await read();
    return {};
  } catch (error) {
    if (!(error instanceof UserError)) return { wrong: `no UserError: ${error instanceof Error ? error.stack : error}` };
    const { message } = error;
    // deno-lint-ignore no-control-regex
    if (/[\0-\x1f\x7f-\x9f]/.test(message)) return { wrong: `control characters: ${JSON.stringify(message)}` };
    return message.length > MOST_WORDS ? { wrong: `${message.length} characters: ${message.slice(0, 200)}` } : { refused: message };
  }
}
