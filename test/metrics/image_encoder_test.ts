import { cosine, openImageEncoder } from "../../lib/metrics/image_encoder.ts";
import { assert, assertClose, assertRejects, openReference, withFolder } from "../support.ts";

const CLIP = new URL("../parity/reference/clip", import.meta.url).pathname;

Deno.test("openImageEncoder() embeds pictures of any shape as transformers does", async () => {
  const reference = openReference(`${CLIP}/embeddings.safetensors`);
  const encoder = await openImageEncoder(CLIP);
  for (const i of [0, 1, 2, 3]) {
    const [height, width] = reference.shape(`image.${i}`) as [number, number];
    const vector = await encoder.picture({ width, height, data: reference.values(`image.${i}`) as Uint8Array });
    assertClose(vector, reference.values(`embeds.${i}`), 1e-4, `image ${i}`);
    assertClose([cosine(vector, vector)], [1], 1e-6);
  }
  assert(encoder.sentence === undefined); // there is no text model
  await encoder.close();
});

Deno.test("openImageEncoder() names the file that is missing", () =>
  withFolder(async (folder) => {
    await assertRejects(() => openImageEncoder(folder), Error, `${folder}/preprocessor_config.json`);
    Deno.copyFileSync(`${CLIP}/preprocessor_config.json`, `${folder}/preprocessor_config.json`);
    await assertRejects(() => openImageEncoder(folder), Error, `Cannot find ${folder}/onnx/model.onnx`);
  }));
