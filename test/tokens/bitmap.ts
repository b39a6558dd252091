/** A small picture, and bitmap files of it. */

/** A picture of 3 × 2 pixels. */
export const IMAGE = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => 14 * i) };

/** A bitmap file of it, its rows from below unless told otherwise. */
export function bitmap({ bits = 24, topDown = false, width = 3, height = 2 } = {}): Uint8Array {
  const row = Math.ceil(3 * bits / 32) * 4;
  const bytes = new Uint8Array(54 + 2 * row);
  const view = new DataView(bytes.buffer);
  bytes.set([66, 77]);
  for (const [at, value] of [[10, 54], [14, 40], [18, width], [22, topDown ? -height : height]] as const) view.setInt32(at, value, true);
  view.setUint16(28, bits, true);
  for (let y = 0; y < 2; y++) {
    for (let x = 0; x < 3; x++) {
      const at = 54 + row * (topDown ? y : 1 - y) + x * bits / 8;
      bytes.set([2, 1, 0].map((channel) => IMAGE.data[(y * 3 + x) * 3 + channel]!), at);
    }
  }
  return bytes;
}
