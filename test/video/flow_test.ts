import { openFlow } from "../../lib/video/flow.ts";
import { assertClose, openReference } from "../support.ts";

const PARITY = new URL("../parity/reference", import.meta.url).pathname;

Deno.test("openFlow() equals OpenCV's flow in Python within 1e-4", async () => {
  const reference = openReference(`${PARITY}/flow.safetensors`);
  const frame = (i: number) => {
    const [height, width] = reference.shape(`frame.${i}`) as [number, number];
    return { width, height, data: reference.values(`frame.${i}`) as Uint8Array };
  };
  const { flow } = await openFlow();
  for (const i of [1, 2, 3]) assertClose(flow(frame(0), frame(i)), reference.values(`flow.${i}`), 1e-4, `flow ${i}`);
});
