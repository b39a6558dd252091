/**
 * MagicBrush's parquet as an AURORA list with pictures beside it (Zhang et al. 2023; osunlp/MagicBrush).
 *
 * @module
 */
import { quoted, UserError } from "../errors.ts";
import { exists, fileNameOf, LARGEST, writeFile } from "../files.ts";
import { openParquet } from "../synthesis/parquet.ts";

const COLUMNS = ["img_id", "turn_index", "source_img", "instruction", "target_img"];
const ROWS_AT_ONCE = 20; // about 3 MB of pictures each

/**
 * Writes the pictures of `data/*.parquet` into `images`, and `train.json`. Pictures that are there are left alone.
 *
 * @param folder MagicBrush's folder
 * @param onShare called with the share that is done
 * @returns how many there are
 * @throws UserError when a file is none of MagicBrush's
 */
export async function makeMagicBrush(folder: string, onShare: (share: number) => void): Promise<string> {
  const names = [...Deno.readDirSync(`${folder}/data`)].map(({ name }) => name).filter((name) => name.endsWith(".parquet")).sort();
  const list: object[] = [];
  for (const [i, name] of names.entries()) {
    const file = await openParquet(`${folder}/data/${name}`);
    const missing = COLUMNS.find((column) => !file.columns.includes(column));
    if (missing !== undefined) throw new UserError(`Cannot read ${file.path} as MagicBrush's: it has no column ${missing}`);
    for (let row = 0; row < file.rows; row += ROWS_AT_ONCE) {
      const rows = await file.read(COLUMNS, row, Math.min(file.rows, row + ROWS_AT_ONCE));
      rows.forEach((cells, j) => list.push(entryOf(cells, `${name}, row ${row + j}`, folder)));
      onShare((i + Math.min(1, (row + ROWS_AT_ONCE) / file.rows)) / names.length);
    }
  }
  writeFile(`${folder}/train.json`, JSON.stringify(list, null, 2) + "\n");
  return `${list.length} edits in ${folder}/train.json`;
}

function entryOf(cells: Readonly<Record<string, unknown>>, where: string, folder: string): object {
  const [id, turn, instruction] = ["img_id", "turn_index", "instruction"].map((column) => textOf(cells[column])) as [
    string,
    string,
    string,
  ];
  if (id === "" || turn === "" || instruction === "") {
    throw new UserError(`Cannot use ${quoted(where)}: it lacks an id, a turn or an instruction`);
  }
  const [input, output] = ["source_img", "target_img"].map((column) => {
    const bytes = (cells[column] as { bytes?: unknown } | null | undefined)?.bytes;
    if (!(bytes instanceof Uint8Array) || bytes.length > LARGEST.picture) {
      throw new UserError(`Cannot use ${quoted(where)}: it has no picture ${column}`);
    }
    const path = `images/${fileNameOf(`${id}-${turn}-${column === "source_img" ? "input" : "output"}`)}.png`;
    if (!exists(`${folder}/${path}`)) writeFile(`${folder}/${path}`, bytes, undefined, false);
    return path;
  });
  return { input, output, instruction, img_id: id };
}

function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? String(value) : "";
}
