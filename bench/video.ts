/**
 * `deno task bench video FOLDER`: decode, flow and choice of key-frames of all clips of a folder, beside the same in Python
 * with OpenCV; same sizes, same moments, one run.
 *
 * @module
 */
import { listVideos } from "../lib/synthesis/mod.ts";
import { type BenchCase, lastLine, peerPython, report } from "./peer.ts";

interface Measured {
  readonly seconds: number; // of work
  readonly length: number; // of video
  readonly memory: number;
}

/** Runs the bench over a folder's clips. */
export async function main(folder?: string): Promise<void> {
  if (folder === undefined) throw new Error("Cannot measure without clips: deno task bench video FOLDER");
  const python = peerPython();
  const paths = listVideos(folder).videos.map(({ path }) => path).filter((path) => !/\/(bad|edge)\//.test(path));
  const ours = await lastLine<Measured>(Deno.execPath(), ["run", "-A", new URL("video_ours.ts", import.meta.url).pathname, ...paths]);
  const threads = `${navigator.hardwareConcurrency}`;
  const peer = await lastLine<Measured>(python, [new URL("peers/video.py", import.meta.url).pathname, threads, ...paths]);
  console.log(
    `${paths.length} clips, ${ours.length.toFixed(0)} s: ours ${ours.seconds.toFixed(2)} s (${
      (ours.length / ours.seconds).toFixed(0)
    } times real time), peer ${peer.seconds.toFixed(2)} s`,
  );
  const round = (x: number) => Number(x.toPrecision(4));
  const result: BenchCase = {
    case: `${paths.length} clips`,
    unit: "seconds of video a second",
    ours: round(ours.length / ours.seconds),
    peer: round(peer.length / peer.seconds),
    ratio: round(peer.seconds / ours.seconds),
    memory_ratio: round(ours.memory / peer.memory),
  };
  report("video", [result]);
}

if (import.meta.main) await main(Deno.args[0]);
