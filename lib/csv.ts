/**
 * Tables in CSV files, with a header.
 *
 * @module
 */
// @ts-types="./csv.d.ts"
import { parse } from "@std/csv";
import { UserError } from "./errors.ts";
import { readText } from "./files.ts";

/**
 * Reads a CSV file.
 *
 * @param path the file
 * @returns a record for each row, by column
 * @throws UserError when it is not a regular file or not CSV
 */
export function readCsv(path: string): Record<string, string>[] {
  try {
    return parse(readText(path), { skipFirstRow: true });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`Cannot read ${path} as CSV: its rows do not have the columns of its first line`, { cause: error });
  }
}
