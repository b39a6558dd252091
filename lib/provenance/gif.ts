/**
 * XMP in GIFs, which sharp neither writes nor reads: an application extension whose content is the packet as it stands, and a trailer that
 * leads those who take its bytes for lengths of blocks to the end (XMP specification, part 3, 1.1.2).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { UserError } from "../errors.ts";

const BEGIN = Buffer.from("\x21\xff\x0bXMP DataXMP", "latin1");
const TRAILER = Buffer.from([1, ...Array.from({ length: 256 }, (_, i) => 255 - i), 0]);
const END = 0x3b; // a GIF's last byte

/**
 * A GIF that says where it comes from.
 *
 * @param gif a GIF's bytes
 * @param xmp the packet, without zero bytes
 * @returns the same GIF with the packet in it
 * @throws UserError when it is no whole GIF
 *
 * @example What is written is read back
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const gif = new TextEncoder().encode("GIF89a…;"); // as short as one can be cut
 * assertEquals(ws.provenance.xmpOfGif(ws.provenance.gifWithXmp(gif, "<x/>")), "<x/>");
 * ```
 */
export function gifWithXmp(gif: Uint8Array, xmp: string): Uint8Array {
  if (gif.at(-1) !== END) throw new UserError("Cannot write into a GIF that is cut off");
  return new Uint8Array(Buffer.concat([gif.subarray(0, -1), BEGIN, Buffer.from(xmp), TRAILER, Buffer.from([END])]));
}

/**
 * The XMP of a GIF.
 *
 * @param gif a GIF's bytes; they may be anybody's
 * @returns the packet, or undefined where there is none
 *
 * @example Most have none
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.provenance.xmpOfGif(new TextEncoder().encode("GIF89a;")), undefined);
 * ```
 */
export function xmpOfGif(gif: Uint8Array): string | undefined {
  const bytes = Buffer.from(gif.buffer, gif.byteOffset, gif.byteLength);
  const begin = bytes.indexOf(BEGIN);
  const end = begin < 0 ? -1 : bytes.indexOf(TRAILER, begin);
  return end < 0 ? undefined : bytes.subarray(begin + BEGIN.length, end).toString();
}
