import { type AnnotatedTrajectory, annotatePairs, framesAt, keepTrajectories, pairsOfVideo } from "../../lib/synthesis/annotate.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { disposeSampler, logLikelihoods, textSampler } from "../../lib/sample/mod.ts";
import { decodeImage, dynamicsSequence, encodePictures, loadVocabulary, type RgbImage } from "../../lib/tokens/mod.ts";
import { writeMp4 } from "../../lib/video/mod.ts";
import { measureMotion, type MotionSample } from "../../lib/video/motion.ts";
import { renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assert, assertClose, assertEquals, assertRejects, engine, UserError, withFolder, withoutLeaks } from "../support.ts";

await engine();
const TINY = new URL("../../data/tiny", import.meta.url).pathname;
const OPTIONS = {
  ...{ rate: 12, stride: 0.5, side: 64, bursts: 2, interval: 1, least: 0.003, share: 0.7, reach: 1.5 },
  pairs: "calm" as const,
  steady: 6,
};
const POOL = { measure: measureMotion, close() {} }; // in this thread

/** A picture with a bright square, its brightness telling the number. */
function picture(column: number, background = 40): RgbImage {
  const data = new Uint8Array(64 * 64 * 3).fill(background);
  for (let y = 24; y < 40; y++) data.fill(220, 3 * (64 * y + column), 3 * (64 * y + column + 16));
  return { width: 64, height: 64, data };
}

const still = (count: number, column = 8) => Array.from({ length: count }, () => picture(column));

Deno.test("pairsOfVideo() gives the frames before and after what moves, as they are in the video", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.mp4`;
    const moving = Array.from({ length: 12 }, (_, i) => picture(8 + 3 * i));
    await writeMp4(path, [...still(18), ...moving, ...still(18, 41)], 12);
    const { samples, pairs } = await pairsOfVideo(path, OPTIONS, POOL);
    assertEquals([samples.length, pairs.length], [48, 1]);
    const [{ source, target, images }] = pairs as [typeof pairs[number]];
    assert(source.index <= 18 && target.index >= 29, `${source.index} to ${target.index}`);
    const columnOf = ({ data }: RgbImage) =>
      Array.from({ length: 64 }, (_, x) => data[3 * (64 * 32 + x)]!).findIndex((value) => value > 130);
    assertEquals(images.map(columnOf), [8, 41]);
  }));

Deno.test("pairsOfVideo() says why a video has no pair", () =>
  withFolder(async (folder) => {
    const black = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
    const cases: readonly (readonly [string, readonly RgbImage[], string])[] = [
      ["short", still(6), "it is too short for a pair of key-frames (0.42 s)"],
      ["blank", Array(30).fill(black), "it is blank"],
      ["still", still(30), "nothing moves in it"],
    ];
    for (const [name, frames, said] of cases) {
      await writeMp4(`${folder}/${name}.mp4`, frames, 12);
      await assertRejects(() => pairsOfVideo(`${folder}/${name}.mp4`, OPTIONS, POOL), UserError, said);
    }
  }));

Deno.test("framesAt() gives the frames that are asked for, by number", () =>
  withFolder(async (folder) => {
    await writeMp4(`${folder}/a.mp4`, Array.from({ length: 10 }, (_, i) => picture(8, 20 * i)), 12);
    const frames = await framesAt(`${folder}/a.mp4`, new Set([2, 7, 99]));
    assertEquals([...frames.keys()], [2, 7]);
    for (const [index, { data }] of frames) assert(Math.abs(data[0]! - 20 * index) <= 3, `frame ${index} has ${data[0]}`);
  }));

Deno.test("annotatePairs() scores each action as the model's mean log-likelihood of it", () =>
  withoutLeaks(async () => {
    const { chameleon, ...rest } = loadModel(TINY, "float32");
    const vocabulary = loadVocabulary(TINY, 1000);
    const sampler = textSampler(chameleon, vocabulary);
    const annotator = { text: sampler, vqgan: rest.vqgan, vocabulary, cdm: "x" };
    const scenes = worldTrajectories("default", 4, "bench", 2).flatMap(({ before, after }) => [before, after]);
    const images = await renderScenes(scenes);
    const pairs = [0, 2].map((i) => [images[i]!, images[i + 1]!] as const);
    const greedy = { temperature: 0, seed: 0 };
    const annotated = annotatePairs(annotator, pairs, greedy);
    const codes = encodePictures(rest.vqgan, images);
    annotated.forEach(({ action, score }, i) => {
      const sequence = dynamicsSequence(vocabulary, codes[2 * i]!, codes[2 * i + 1]!, action);
      assertClose([score], [logLikelihoods(sampler, [[sequence]])[0]![0]!.mean], 1e-3, action);
    });
    disposeSampler(sampler);
    disposeModel({ chameleon, ...rest });
  }));

Deno.test("keepTrajectories() writes both frames of a pair, under safe names, and leaves out pairs without an action", () =>
  withFolder(async (folder) => {
    const moment = (index: number): MotionSample => ({ index, time: index / 10, motion: 0, isCut: false, isBlank: false });
    const pair = (from: number, number: number) => ({
      number,
      source: moment(from),
      target: moment(from + 5),
      images: [picture(from), picture(from + 5)] as const,
    });
    const found = { samples: [moment(0), moment(30)], pairs: [pair(1, 0), pair(8, 1), pair(20, 2)] };
    const said = [{ action: "push it", score: -0.5, sum: -1 }, { action: "", score: -9, sum: -9 }, { action: "<b>", score: -1, sum: -3 }];
    const video = { id: "../roll/a b.mp4", path: "", label: "roll" };
    const kept = await keepTrajectories(folder, video, found, said, "digest");
    assertEquals(kept.map(({ id, action, score, cdm, label }) => [id, action, score, cdm, label]), [
      ["../roll/a b.mp4#0", "push it", -0.5, "digest", "roll"],
      ["../roll/a b.mp4#2", "<b>", -1, "digest", "roll"],
    ]);
    assertEquals(kept.map(({ sourceFrame, targetFrame, sourceTime, duration }) => [sourceFrame, targetFrame, sourceTime, duration]), [
      [1, 6, 0.1, 3],
      [20, 25, 2, 3],
    ]);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["frames"]);
    assertEquals([...Deno.readDirSync(`${folder}/frames`)].length, 4);
    assertEquals(await decodeImage(Deno.readFileSync(`${folder}/${kept[1]!.target}`), "target"), picture(25));
  }));

Deno.test("keepTrajectories() keeps the frames of videos whose names differ by their script or by what an underscore stands for", () =>
  withFolder(async (folder) => {
    const ids = ["跳/1.mp4", "走/1.mp4", "a/b/1.mp4", "a b/1.mp4"];
    const moment: MotionSample = { index: 0, time: 0, motion: 0, isCut: false, isBlank: false };
    const kept: AnnotatedTrajectory[] = [];
    for (const [i, id] of ids.entries()) {
      const found = {
        samples: [moment],
        pairs: [{ source: moment, target: moment, images: [picture(i), picture(i + 9)] as const, number: 0 }],
      };
      kept.push(...await keepTrajectories(folder, { id, path: "", label: "x" }, found, [{ action: "go", score: -1, sum: -1 }], "digest"));
    }
    const pictureOf = async (file: string) => await decodeImage(Deno.readFileSync(`${folder}/${file}`), file);
    for (const [i, { source, target }] of kept.entries()) {
      assertEquals(await Promise.all([source, target].map(pictureOf)), [picture(i), picture(i + 9)], ids[i]);
    }
  }));
