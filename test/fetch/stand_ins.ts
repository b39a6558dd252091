/**
 * Stand-ins of what `fetch` fetches: repositories of Hugging Face's, AURORA's archives, MagicBrush's parquet, all of a few bytes.
 *
 * @module
 */
import { packTar } from "modern-tar";
import { parquetWriteBuffer } from "hyparquet-writer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { encodePng } from "../../lib/tokens/mod.ts";
import { type Asked, noise, type Reply, served } from "./server.ts";
import { storedZip } from "./zip.ts";

const SHA = "a".repeat(40);

/** What a server answers to the count-th request. */
export type Answers = (asked: Asked, count: number) => Reply;

/** A digest in hexadecimal. */
export const digest = (algorithm: string, ...parts: (string | Uint8Array)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash(algorithm)).digest("hex");

/** A repository of Hugging Face's with these files. */
export function hub(
  files: Readonly<Record<string, Uint8Array | string>>,
  more: (asked: Asked, count: number) => Reply | undefined = () => undefined,
): Answers {
  return (asked, count) => {
    const special = more(asked, count);
    if (special) return special;
    if (asked.path.includes("/revision/")) return { body: JSON.stringify({ sha: SHA }) };
    const entries = Object.entries(files).map(([path, content]) => {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const entry = { type: "file", path, size: bytes.length, oid: digest("sha1", `blob ${bytes.length}\0`, bytes) };
      return typeof content === "string" ? entry : { ...entry, lfs: { oid: digest("sha256", bytes), size: bytes.length } };
    });
    if (asked.path.includes("/tree/")) return { body: JSON.stringify(entries) };
    const content = files[asked.path.split(`/resolve/${SHA}/`)[1] ?? ""];
    if (content === undefined) return { status: 404 };
    return served(typeof content === "string" ? new TextEncoder().encode(content) : content, asked);
  };
}

/** DINO's files, with one that is not wanted. */
export const DINO = { "config.json": "{}\n", "onnx/model.onnx": noise(50_000), "README.md": "not wanted" };

const smallPng = () => encodePng({ width: 2, height: 2, data: new Uint8Array(12) });

/** AURORA's lists and archives, with a pair of Action-Genome's; the archives are the caller's to break. */
export async function auroraArchives(): Promise<{ readonly zips: Record<string, Uint8Array>; readonly answers: Answers }> {
  const png = await smallPng();
  const pair = { input: "data/ag/images/a.mp4_1_left.png", output: "data/ag/images/a.mp4_1_right.png", instruction: "go" };
  const lists = { "AURORA-x/data/ag/train.json": JSON.stringify([pair]), "AURORA-x/test.json": "[]" };
  const tar = gzipSync(await packTar(Object.entries(lists).map(([name, body]) => ({ header: { name, size: body.length }, body }))));
  const zips: Record<string, Uint8Array> = {
    "magicbrush_images.zip": storedZip({ "1-input.png": png }),
    "ag_images.zip": storedZip({ "images/a.mp4_1_left.png": png, "images/a.mp4_1_right.png": png }),
    "kubric_images.zip": storedZip({ "images/location/1/image0.jpg": png, "images/counting/2/image0.jpg": png }),
  };
  const answers = (asked: Asked): Reply => {
    const name = asked.path.split("/").at(-1)!;
    if (asked.path.startsWith("/codeload.github.com/")) return served(tar, asked);
    if (asked.path.startsWith("/zenodo.org/record/11552426/files/")) return served(zips[name]!, asked);
    const files = Object.entries(zips).map(([key, bytes]) => ({ key, size: bytes.length, checksum: `md5:${digest("md5", bytes)}` }));
    return asked.path === "/zenodo.org/api/records/11552426" ? { body: JSON.stringify({ files }) } : { status: 404 };
  };
  return { zips, answers };
}

/** MagicBrush's parquet with two edits of one picture. */
export async function magicBrushParquet(): Promise<Uint8Array> {
  const text = (name: string) => ({ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" });
  const image = (name: string) => [
    { name, num_children: 2, repetition_type: "OPTIONAL" },
    { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
    text("path"),
  ];
  const turn = { name: "turn_index", type: "INT32", repetition_type: "OPTIONAL" };
  const schema = [
    ...[{ name: "root", num_children: 5 }, text("img_id"), turn],
    ...[...image("source_img"), text("instruction"), ...image("target_img")],
  ];
  const cell = { bytes: await smallPng(), path: "x.png" };
  const columns = { img_id: ["7", "7"], turn_index: [1, 2], source_img: [cell, cell], instruction: ["a", "b"], target_img: [cell, cell] };
  const columnData = Object.entries(columns).map(([name, data]) => ({ name, data }));
  return new Uint8Array(parquetWriteBuffer({ schema, columnData } as never));
}

/** All of them behind one address. */
export async function mirror(): Promise<Answers> {
  const { answers } = await auroraArchives();
  const magicBrush = hub({ "data/train-00000-of-00001.parquet": await magicBrushParquet() });
  const dino = hub(DINO);
  return (asked, count) =>
    asked.path.includes("MagicBrush") ? magicBrush(asked, count) : (asked.path.includes("dino") ? dino : answers)(asked, count);
}
