/**
 * Drawing and judging scenes of the tiny world: how fast, and whether memory stays flat.
 *
 * @module
 */
import { judgePicture, renderScenes, worldTrajectories } from "../lib/world/mod.ts";

const COUNT = 10_000;
const CHUNK = 500;

/** Runs the bench; the last line is one JSON object. */
export async function main(): Promise<void> {
  const trajectories = worldTrajectories("default", 1, "train", COUNT);
  const seconds = { render: 0, judge: 0 };
  const memory: number[] = [];
  let right = 0;
  for (let i = 0; i < COUNT; i += CHUNK) {
    const chunk = trajectories.slice(i, i + CHUNK);
    const began = performance.now();
    const pictures = await renderScenes(chunk.map(({ after }) => after));
    const drawn = performance.now();
    right += chunk.filter(({ before, after }, j) => judgePicture(before, after, pictures[j]!).right).length;
    seconds.render += (drawn - began) / 1000;
    seconds.judge += (performance.now() - drawn) / 1000;
    memory.push(Math.round(Deno.memoryUsage().rss / 2 ** 20));
  }
  const at = (share: number) => memory[Math.floor(share * (memory.length - 1))];
  console.log(`${COUNT} scenes drawn in ${seconds.render.toFixed(1)} s, judged in ${seconds.judge.toFixed(1)} s, ${right} right`);
  console.log(JSON.stringify({ bench: "world", count: COUNT, seconds, right, memoryMiB: { first: at(0), half: at(0.5), last: at(1) } }));
}
