import { loadModel } from "../../lib/model/mod.ts";
import { freezeHead } from "../../lib/model/chameleon.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { generate, generateInPasses } from "../../lib/sample/mod.ts";
import { dispose } from "../../lib/engine/mod.ts";
import { assert, assertEquals, assertThrows, engine, UserError, withoutLeaks } from "../support.ts";

const FOLDER = new URL("../parity/reference", import.meta.url).pathname;
await engine();

Deno.test("generateInPasses() gives the tokens of generate(), whatever the draft, prompts shared and padded", () =>
  withoutLeaks(() => {
    const model = loadModel(FOLDER, "float32");
    const imageHead = freezeHead(model.chameleon, { firstImage: 4, codes: 64 });
    const sampler = { model: model.chameleon, head: imageHead, firstId: 4, pad: 1 };
    const [long, short] = [Array.from({ length: 14 }, (_, i) => 70 + i), [80, 81, 82]];
    const prompts = [long, short, long];
    for (const limits of [{ temperature: 1 }, { temperature: 0 }, { temperature: 0.7, topK: 5 }]) {
      const options = { ...limits, seed: 5, streams: ["a", "b", "c"] };
      const expected = generate(sampler, prompts, 9, options);
      const bad = generateInPasses(sampler, prompts, prompts.map(() => Array(9).fill(4)), options);
      assertEquals(bad.drawn, expected);
      const good = generateInPasses(sampler, prompts, expected, options);
      assertEquals([good.drawn, good.passes], [expected, 2]); // the first token, and a look that nothing changes
      assert(bad.passes <= 10);
    }
    const guidance = { withoutAction: prompts, withoutAll: prompts, image: 1, text: 2 };
    assertThrows(() => generateInPasses(sampler, prompts, prompts, { temperature: 1, seed: 1, guidance }), UserError, "guidance");
    const refused = [{ topP: 0 }, { topK: 65 }, { temperature: -1 }]; // 64 codes
    for (const limits of refused) {
      assertThrows(() => generateInPasses(sampler, prompts, prompts, { temperature: 1, seed: 1, ...limits }), UserError, "Cannot sample");
    }
    dispose(imageHead);
    disposeModel(model);
  }));
