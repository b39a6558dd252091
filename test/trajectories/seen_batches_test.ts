import { createAdapter, PROJECTIONS } from "../../lib/model/mod.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { adapterTensors } from "../../lib/model/lora.ts";
import { disposeSampler, logLikelihoods, lookAtTrajectories, picturePairs } from "../../lib/sample/mod.ts";
import { dispose, tidy } from "../../lib/engine/mod.ts";
import { completionGradients, completionLoss } from "../../lib/train/completion_loss.ts";
import { rowsOf } from "../../lib/train/workers.ts";
import { seenDynamicsBatch } from "../../lib/trajectories/mod.ts";
import { dynamicsSequence } from "../../lib/tokens/mod.ts";
import { assert, assertClose, assertEquals, engine, take, withoutLeaks } from "../support.ts";
import { janusReader, loadJanus, noisyTrajectories } from "../tiny_janus.ts";

await engine();
const SHAPE = { limit: 512, multiple: 16 };

Deno.test("seenDynamicsBatch() has the loss that likelihoods of the same look give, whole and in the rows of two workers", () =>
  withoutLeaks(async () => {
    const model = loadJanus();
    const { text, vqgan, vocabulary } = janusReader(model);
    const items = noisyTrajectories(model, ["push it", "open the door", "turn it"]);
    const adapter = createAdapter(model.chameleon.config, { rank: 2, alpha: 2, dropout: 0, targets: PROJECTIONS }, 1);
    const options = { model: model.chameleon, head: text.head, adapter, checkpointing: false };
    const { tensors } = await seenDynamicsBatch(items, vqgan, vocabulary, SHAPE);
    assertEquals(tensors.seen!.shape, [3, 32, 32]);
    const loss = take(tidy(() => completionLoss(options, tensors, null)))[0]!;
    {
      using look = await lookAtTrajectories({ text, vqgan, vocabulary }, items);
      const likelihoods = logLikelihoods(
        look.text,
        picturePairs(look).map(({ source, target }, i) => [dynamicsSequence(look.vocabulary, source, target, items[i]!.trajectory.action)]),
      ).flat();
      const tokens = likelihoods.reduce((count, { tokens }) => count + tokens.length, 0);
      assertClose([loss], [-likelihoods.reduce((sum, { sum: own }) => sum + own, 0) / tokens], 1e-4, "loss");
    }
    const pieces = [[0, 1], [1, 3]].map(([from, to]) => ({ micro: 0, from: from!, to: to!, share: (to! - from!) / 3 }));
    const shares = pieces.map((piece) => {
      const rows = tidy(() => rowsOf(tensors, piece));
      const value = piece.share * take(tidy(() => completionLoss(options, rows, null)))[0]!;
      dispose(rows);
      return value;
    });
    assertClose([shares[0]! + shares[1]!], [loss], 1e-4, "loss of the pieces");
    dispose([tensors, [...adapterTensors(adapter).values()]]);
    disposeSampler(text);
    disposeModel(model);
  }));

Deno.test("completionGradients() of what is seen differ from those of other pictures, with checkpointing as without", () =>
  withoutLeaks(async () => {
    const model = loadJanus();
    const { text, vqgan, vocabulary } = janusReader(model);
    const [first, second] = noisyTrajectories(model, ["push it", "push it"]);
    const adapter = createAdapter(model.chameleon.config, { rank: 2, alpha: 2, dropout: 0, targets: PROJECTIONS }, 1);
    const params = [...adapterTensors(adapter).values()];
    const norms: number[][] = [];
    for (const [item, checkpointing] of [[first, false], [first, true], [second, false]] as const) {
      const { tensors } = await seenDynamicsBatch([item!], vqgan, vocabulary, SHAPE);
      const { value, grads } = completionGradients({ model: model.chameleon, head: text.head, adapter, checkpointing })(
        params,
        tensors,
        null,
      );
      norms.push([take(value)[0]!, ...grads.map((grad) => Math.hypot(...take(grad)))]);
      dispose(tensors);
    }
    assertClose(norms[1]!, norms[0]!, 1e-5, "recomputed");
    assert(Math.abs(norms[2]![0]! - norms[0]![0]!) > 1e-4, "another picture, the same loss");
    dispose(params);
    disposeSampler(text);
    disposeModel(model);
  }));
