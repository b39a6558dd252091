import { pictureShapes, readConfig, weightName } from "../../lib/model/backbones.ts";
import { assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const folderOf = (path: string) => new URL(`../../${path}`, import.meta.url).pathname;

Deno.test("readConfig() tells the backbones by model_type", () => {
  const [tiny, emu3] = ["data/tiny", "test/parity/reference/emu3"].map((path) => readConfig(folderOf(path)));
  assertEquals([tiny!.backbone, emu3!.backbone, emu3!.qkNorm, emu3!.keyHeads], [undefined, "emu3", false, 2]);
  assertEquals(pictureShapes(emu3!).get("quant_conv.conv.weight"), [4, 4, 3, 1, 1]);
  assertEquals(weightName(tiny!, "vqmodel.x"), "vqmodel.x");
});

Deno.test("readConfig() refuses another model in a sentence", () =>
  withFolder((folder) => {
    for (const [json, found] of [['{"model_type":"llama"}', '"llama"'], ["[]", "undefined"], ["null", "undefined"], ["7", "undefined"]]) {
      Deno.writeTextFileSync(`${folder}/config.json`, json!);
      const { message } = assertThrows(
        () => readConfig(folder),
        UserError,
        `"model_type" must be chameleon, emu3 or janus, found ${found}`,
      );
      assertEquals(message.includes("\n"), false);
    }
  }));
