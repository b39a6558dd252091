import { parquetWriteBuffer } from "hyparquet-writer";
import { openVideos } from "../../lib/synthesis/parquet_videos.ts";
import { exists } from "../../lib/files.ts";
import { readFrames, writeMp4 } from "../../lib/video/mod.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

const FIXTURE = new URL("../parity/reference/frames.parquet", import.meta.url).pathname;
const IMAGE = [
  { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
  { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
] as const;

/** A parquet file of records of bytes and path, and of plain columns. */
function write(
  path: string,
  records: Record<string, readonly (Uint8Array | null)[]>,
  plain: Record<string, readonly (string | bigint | null)[]>,
): void {
  const schema = [
    { name: "root", num_children: Object.keys(records).length + Object.keys(plain).length },
    ...Object.keys(records).flatMap((name) => [{ name, num_children: 2, repetition_type: "OPTIONAL" }, ...IMAGE]),
    ...Object.entries(plain).map(([name, values]) =>
      typeof values.find((value) => value !== null) === "bigint"
        ? { name, type: "INT64", repetition_type: "OPTIONAL" }
        : { name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }
    ),
  ];
  const columnData = [
    ...Object.entries(records).map(([name, cells]) => ({ name, data: cells.map((bytes) => bytes && { bytes, path: "x" }) })),
    ...Object.entries(plain).map(([name, data]) => ({ name, data: [...data] })),
  ];
  Deno.writeFileSync(path, new Uint8Array(parquetWriteBuffer({ schema, columnData } as never)));
}

Deno.test("openVideos() makes videos of UCF-101's frames: classes by name, 25 frames a second, over the borders of files", () =>
  withFolder(async (folder) => {
    const { videos, problems } = await openVideos(FIXTURE, `${folder}/unpacked`);
    assertEquals(videos.map(({ id, label }) => [id, label]), [
      ["ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01", "ApplyEyeMakeup"],
      ["Archery/v_Archery_g01_c01", "Archery"],
    ]);
    assertEquals([problems, exists(`${folder}/unpacked`)], [[], false]);
    await videos[1]!.write!();
    const frames = await Array.fromAsync(readFrames(videos[1]!.path, { format: "rgb24" }));
    assertEquals(
      frames.map(({ time, width, height }) => [Math.round(time * 25), width, height]),
      [...Array(8).keys()].map((i) => [i, 48, 32]),
    );
    const centres = frames.map(({ data }) => data.slice(3 * 48 * 16).findIndex((value, i) => i % 3 === 0 && value > 128) / 3);
    assert(centres.every((x, i) => i === 0 || x > centres[i - 1]!), `the ball rolls to the right: ${centres}`);
  }));

Deno.test("openVideos() joins a video that lies in two files, puts frames in order, and names what it cannot use", () =>
  withFolder(async (folder) => {
    const { videos: [source] } = await openVideos(FIXTURE, `${folder}/a`);
    await source!.write!();
    const stream = Deno.readFileSync(source!.path);
    const starts = [...stream.keys()].filter((i) => stream[i] === 0xff && stream[i + 1] === 0xd8 && stream[i + 2] === 0xff);
    const jpegs = starts.map((start, i) => stream.slice(start, starts[i + 1] ?? stream.length));
    Deno.mkdirSync(`${folder}/data`);
    const part = (name: string, order: readonly number[], more: Partial<Record<string, readonly (string | bigint | null)[]>> = {}) =>
      write(`${folder}/data/${name}.parquet`, { image: order.map((i) => jpegs[i]!) }, {
        ...{ video_id: order.map(() => "v"), frame: order.map(BigInt), label: order.map(() => "../up\u001b[2J") },
        ...more as object,
      });
    part("a", [2, 0, 1]);
    part("b", [4, 3, 5, 7, 6]);
    part("c", [0], { video_id: [null] });
    const { videos, problems } = await openVideos(`${folder}/data`, `${folder}/unpacked`);
    assertEquals(videos.map(({ id }) => id), ["..up_[2J/v".replace("..up", ".._up")]);
    assertEquals(problems, [{ id: "c-0", reason: "the frame has no video_id" }]);
    await videos[0]!.write!();
    assertEquals(Deno.readFileSync(videos[0]!.path), stream);
    assert(videos[0]!.path.startsWith(`${folder}/unpacked/0-`) && !videos[0]!.path.slice(folder.length).includes("../"), videos[0]!.path);

    write(`${folder}/data/d.parquet`, { image: [Uint8Array.of(1, 2), null] }, { video_id: ["png", "none"], frame: [0n, 0n] });
    const odd = (await openVideos(`${folder}/data/d.parquet`, `${folder}/unpacked`)).videos;
    await assertRejects(() => odd[1]!.write!(), UserError, "its frames are no JPEGs");
    await assertRejects(() => odd[0]!.write!(), UserError, "its row holds no bytes");
  }));

Deno.test("openVideos() takes rows that are videos, and refuses columns that are neither", () =>
  withFolder(async (folder) => {
    const frame = { width: 16, height: 16, data: new Uint8Array(768).fill(128) };
    await writeMp4(`${folder}/a.mp4`, [frame, frame, frame], 12);
    write(`${folder}/videos.parquet`, { video: [Deno.readFileSync(`${folder}/a.mp4`)] }, { label: ["wave"] });
    const { videos: [video] } = await openVideos(`${folder}/videos.parquet`, `${folder}/unpacked`);
    assertEquals([video!.id, video!.label], ["wave/videos-0", "wave"]);
    await video!.write!();
    assertEquals((await Array.fromAsync(readFrames(video!.path, { format: "gray" }))).length, 3);
    for (const split of ["test", "train"]) { // files of one name, as splits have them
      Deno.mkdirSync(`${folder}/splits/${split}`, { recursive: true });
      Deno.copyFileSync(`${folder}/videos.parquet`, `${folder}/splits/${split}/0000.parquet`);
    }
    const splits = await openVideos(`${folder}/splits/`, `${folder}/unpacked`);
    assertEquals(splits.videos.map(({ id }) => id), ["wave/test_0000-0", "wave/train_0000-0"]);
    write(`${folder}/other.parquet`, {}, { text: ["x"] });
    const said = 'its columns are "text", wanted are either "video", or "image", "video_id" and "frame"';
    await assertRejects(() => openVideos(`${folder}/other.parquet`, folder), UserError, said);
  }));
