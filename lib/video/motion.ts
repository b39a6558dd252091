/**
 * How much moves in a video, moment by moment, and where its shots end.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { readFrames } from "./decode.ts";
import { type GrayImage, openFlow } from "./flow.ts";

/** How a video is looked at. */
export interface MotionOptions {
  /** Frames looked at a second; a video with fewer is looked at whole. */
  readonly rate: number;
  /** Seconds between the two frames that flow is computed of: a camera that trembles moves back, what is done stays. */
  readonly stride: number;
  /** The largest side of the frames that flow is computed on, in pixels. */
  readonly side: number;
}

/** A moment of a video. */
export interface MotionSample {
  /** Seconds since the first frame. */
  readonly time: number;
  /** The frame's number. */
  readonly index: number;
  /** Mean length of the flow around this moment, as a share of `side` (also where the picture is smaller), and what changes otherwise. */
  readonly motion: number;
  /** Whether a shot begins here. */
  readonly isCut: boolean;
  /** Whether the frame is black, white, or of one tone. */
  readonly isBlank: boolean;
}

/**
 * Looks through a video once; only the frames of one stride are in memory.
 *
 * @param path the video
 * @param options rate, stride, size
 * @returns its moments, in order
 * @throws UserError in one sentence when it cannot be read
 */
export async function measureMotion(path: string, { rate, stride, side }: MotionOptions): Promise<MotionSample[]> {
  const { flow } = await openFlow();
  const halfOf = (interval: number) => Math.max(1, Math.round(stride / 2 / interval));
  let half = halfOf(1 / rate); // samples from a moment to either frame of its flow
  const recent: GrayImage[] = [];
  const seen: { time: number; index: number; change: number; isBlank: boolean }[] = [];
  const motion: number[] = [];
  let [due, frames, last] = [0, 0, 0];
  const wanted = (time: number) => {
    [frames, last] = [frames + 1, time];
    if (time < due - 1e-6) return false;
    due = time - (time - due) % (1 / rate) + 1 / rate;
    return true;
  };
  for await (const frame of readFrames(path, { format: "gray", side, wanted })) {
    const { time, index } = frame;
    if (recent.length > 0 && (recent[0]!.width !== frame.width || recent[0]!.height !== frame.height)) {
      throw new UserError(`Cannot use ${path}: its frames change their size`);
    }
    const change = recent.length === 0 ? 0 : blockChange(recent.at(-1)!, frame);
    seen.push({ time, index, change, isBlank: isBlank(frame) });
    recent.push(frame);
    if (seen.length === 3) half = halfOf(Math.max(1 / rate, last / (frames - 1))); // fewer frames than `rate`
    if (recent.length > 2 * half) {
      const before = recent.shift()!;
      const isTiny = frame.width < SMALLEST || frame.height < SMALLEST;
      motion.push(isTiny ? 0 : meanLength(flow(before, frame)) / side + APPEARING * blockChange(before, frame));
    }
  }
  if (seen.length === 0) throw new UserError(`Cannot read ${path} as a video: no frame can be decoded`);
  const cuts = seen.map((_, i) => isCut(seen, i));
  const inShots = motion.map((value, i) => cuts.slice(i + 1, i + 2 * half + 1).includes(true) ? 0 : value); // flow over a cut is none
  return seen.map(({ time, index, isBlank }, i) => ({ time, index, isBlank, motion: smoothed(inShots, i - half, half), isCut: cuts[i]! }));
}

/** The mean of a moment and those within a stride of it: the peak of an action is its middle then. */
function smoothed(motion: readonly number[], i: number, half: number): number {
  const around = motion.slice(Math.max(0, i - half), Math.max(0, i + half + 1));
  return around.reduce((a, b) => a + b, 0) / (2 * half + 1);
}

const APPEARING = 0.2; // what appears, goes or changes its tone has no flow: its share of the picture counts a fifth
const SMALLEST = 16; // pixels; in less there is nothing to follow
const [GRID, TONES] = [4, 16];

/** The share of a picture whose tones have gone elsewhere, in 16 blocks: what moves a little changes little. */
export function blockChange(before: GrayImage, after: GrayImage): number {
  const { width, height } = before;
  const counts = new Int32Array(GRID * GRID * TONES);
  let place = 0;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y * GRID / height) * GRID;
    for (let x = 0; x < width; x++, place++) {
      const block = (row + Math.floor(x * GRID / width)) * TONES;
      counts[block + (before.data[place]! >> 4)]!++;
      counts[block + (after.data[place]! >> 4)]!--;
    }
  }
  return counts.reduce((sum, count) => sum + Math.abs(count), 0) / 2 / (width * height);
}

const [LEAST_CHANGE, SPIKE, AROUND] = [0.12, 2, 6];

/** A cut changes much at once, and twice what changes around it: a shaking camera goes on shaking. */
function isCut(seen: readonly { readonly change: number }[], i: number): boolean {
  const others = [...seen.slice(Math.max(1, i - AROUND), i), ...seen.slice(i + 1, i + 1 + AROUND)];
  const around = others.map(({ change }) => change).sort((a, b) => a - b)[others.length >> 1] ?? 0;
  return i > 0 && seen[i]!.change >= Math.max(LEAST_CHANGE, SPIKE * around);
}

function isBlank({ data }: GrayImage): boolean {
  let [sum, squares] = [0, 0];
  for (const value of data) {
    sum += value;
    squares += value * value;
  }
  return squares / data.length - (sum / data.length) ** 2 < 9; // a deviation of 3 tones
}

function meanLength(flow: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < flow.length; i += 2) sum += Math.hypot(flow[i]!, flow[i + 1]!);
  return 2 * sum / flow.length;
}
