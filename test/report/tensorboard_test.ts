import { writeTensorBoard } from "../../lib/report/tensorboard.ts";
import { assertEquals, withFolder } from "../support.ts";

Deno.test("writeTensorBoard() writes records whose checksums TFRecord readers accept", () =>
  withFolder((folder) => {
    writeTensorBoard(folder, [{ step: 300, tag: "loss", value: 0.5 }]);
    const bytes = Deno.readFileSync(`${folder}/events.out.tfevents.0.worldstrap`);
    const view = new DataView(bytes.buffer);
    const first = Number(view.getBigUint64(0, true));
    assertEquals(new TextDecoder().decode(bytes.slice(12 + 13, 12 + first)), "brain.Event:2");
    // checksums of the length and of the record, as TensorBoard 2.20 accepts them
    assertEquals([first, view.getUint32(8, true), view.getUint32(12 + first, true)], [26, 0x2dd89b12, 0x8bc7e631]);
  }));
