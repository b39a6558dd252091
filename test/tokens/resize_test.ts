import { crop, type Kernel, resize, type RgbImage } from "../../lib/tokens/mod.ts";
import { randomInt, randomStream } from "../../lib/engine/random.ts";
import { assert, assertEquals } from "../support.ts";

/** A picture of noise. */
function noise(width: number, height: number, name: string): RgbImage {
  const random = randomStream("resize", name);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => randomInt(random, 256)) };
}

const FILTERS: Readonly<Record<Kernel, readonly [support: number, weight: (x: number) => number]>> = {
  bilinear: [1, (x) => Math.max(0, 1 - Math.abs(x))],
  bicubic: [2, (t) => {
    const x = Math.abs(t); // Keys 1981, a = -1/2
    return x < 1 ? 1.5 * x ** 3 - 2.5 * x ** 2 + 1 : x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
  }],
  lanczos: [3, (x) => x === 0 ? 1 : Math.abs(x) < 3 ? 3 * Math.sin(Math.PI * x) * Math.sin(Math.PI * x / 3) / (Math.PI * x) ** 2 : 0],
};

/** A value of the resized picture by the definition: a sum over all pixels, in real numbers. */
function valueAt(
  image: RgbImage,
  [width, height]: readonly [number, number],
  kernel: Kernel,
  x: number,
  y: number,
  channel: number,
): number {
  const weights = (from: number, to: number, at: number) => {
    const [support, weight] = FILTERS[kernel];
    const stretch = Math.max(1, from / to);
    const centre = (at + 0.5) * from / to;
    const all = Array.from({ length: from }, (_, i) => {
      const distance = i + 0.5 - centre;
      return Math.abs(distance) < support * stretch ? weight(distance / stretch) : 0;
    });
    const sum = all.reduce((a, b) => a + b, 0);
    return all.map((value) => value / sum);
  };
  const [columns, rows] = [weights(image.width, width, x), weights(image.height, height, y)];
  let sum = 0;
  for (let j = 0; j < image.height; j++) {
    let row = 0;
    for (let i = 0; i < image.width; i++) row += columns[i]! * image.data[(j * image.width + i) * 3 + channel]!;
    sum += rows[j]! * Math.max(0, Math.min(255, row)); // clipped after each pass, as Pillow does
  }
  return Math.max(0, Math.min(255, sum));
}

for (const kernel of ["bilinear", "bicubic", "lanczos"] as const) {
  Deno.test(`resize() is the sum over pixels that ${kernel} is defined by, to a rounding of each pass`, () => {
    for (const [w, h] of [[5, 4], [23, 17], [11, 30]] as const) {
      const image = noise(11, 13, `${kernel} ${w}`);
      const { width, height, data } = resize(image, w, h, kernel);
      assertEquals([width, height, data.length], [w, h, w * h * 3]);
      data.forEach((value, i) => {
        const pixel = Math.floor(i / 3);
        const expected = valueAt(image, [w, h], kernel, pixel % w, Math.floor(pixel / w), i % 3);
        assert(Math.abs(value - expected) <= 1.2, `${kernel} to ${w} × ${h}, value ${i}: ${value}, wanted ${expected}`);
      });
    }
  });

  Deno.test(`resize() by ${kernel} keeps a flat picture flat, mirrors what is mirrored, and keeps a picture of the wanted size`, () => {
    const flat = { width: 7, height: 5, data: new Uint8Array(105).fill(201) };
    assert(resize(flat, 16, 3, kernel).data.every((value) => value === 201));
    const image = noise(9, 6, "mirror");
    const mirrored = ({ width, height, data }: RgbImage): RgbImage => ({
      ...{ width, height },
      data: data.map((_, i) => data[(Math.floor(i / 3 / width) * width + width - 1 - Math.floor(i / 3) % width) * 3 + i % 3]!),
    });
    assertEquals(resize(mirrored(image), 4, 11, kernel), mirrored(resize(image, 4, 11, kernel)));
    assertEquals(resize(image, 9, 6, kernel), image);
  });
}

Deno.test("crop() takes the pixels of the rectangle", () => {
  const image = noise(6, 5, "crop");
  const { width, height, data } = crop(image, 2, 1, 3, 4);
  assertEquals([width, height], [3, 4]);
  for (let y = 0; y < 4; y++) {
    for (let x = 0; x < 9; x++) assertEquals(data[y * 9 + x], image.data[((y + 1) * 6 + 2) * 3 + x]);
  }
});
