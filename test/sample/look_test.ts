import { disposeModel } from "../../lib/model/checkpoint.ts";
import {
  disposeSampler,
  logLikelihoods,
  lookAt,
  lookAtTrajectories,
  picturePairs,
  predictActions,
  rewardCandidates,
} from "../../lib/sample/mod.ts";
import { dispose, tf, tidy } from "../../lib/engine/mod.ts";
import { decodedImages, dynamicsSequence, encodePictures } from "../../lib/tokens/mod.ts";
import { seenPictures } from "../../lib/tokens/image_codes.ts";
import { withPlaces } from "../../lib/tokens/sequences.ts";
import { probe } from "../../lib/probe/mod.ts";
import { annotatePairs } from "../../lib/synthesis/mod.ts";
import { assert, assertClose, assertEquals, engine, withoutLeaks } from "../support.ts";
import { janusReader, loadJanus, noise, noisyTrajectories } from "../tiny_janus.ts";

await engine();

Deno.test("lookAt() lets a Janus say and score what a table of embeddings with SigLIP's vectors behind it would", () =>
  withoutLeaks(() => {
    const model = loadJanus();
    const reader = janusReader(model);
    const pictures = [noise("a"), noise("b"), noise("c")];
    const longer = tidy(() => {
      const seen = tf.reshape(seenPictures(model.vqgan, pictures), [-1, 32]); // [16 · 16, D]
      return tf.concat([model.chameleon.embed, seen], 0);
    });
    const byHand = { ...reader.text, model: { ...model.chameleon, embed: longer } };
    const { vocabulary, places: [a, b, c] } = withPlaces(reader.vocabulary, 3, 16);
    {
      using look = lookAt(reader, pictures.map((picture) => ({ picture })));
      assertEquals(look.pictures, [a!, b!, c!]);
      const pairs = [{ source: a!, target: b! }, { source: b!, target: c! }];
      const said = predictActions(look.text, look.vocabulary, pairs);
      assertEquals(said, predictActions(byHand, vocabulary, pairs));
      const sequences = pairs.map(({ source, target }) => [dynamicsSequence(vocabulary, source, target, "push it")]);
      const [ours, theirs] = [look.text, byHand].map((text) => logLikelihoods(text, sequences).flat().map(({ mean }) => mean));
      assertClose(ours!, theirs!, 1e-5, "likelihoods");
      assert(Math.abs(ours![0]! - ours![1]!) > 1e-4, "other pictures, the same likelihood");
      const annotated = annotatePairs({ ...reader, cdm: "x" }, [[pictures[0]!, pictures[1]!]], { temperature: 0, seed: 1 }, ["push it"]);
      assertClose([annotated[0]!.score], [ours![0]!], 1e-5, "annotation");
    }
    dispose(longer);
    disposeSampler(reader.text);
    disposeModel(model);
  }));

Deno.test("rewardCandidates() of a Janus sees what the codes of source and candidates decode to, and so does a probe the pixels", () =>
  withoutLeaks(async () => {
    const model = loadJanus();
    const reader = janusReader(model);
    const codes = encodePictures(model.vqgan, [noise(1), noise(2), noise(3)]);
    const [rewards] = rewardCandidates(reader, [{ source: codes[0]!, action: "push it" }], [codes.slice(1)]);
    {
      using look = lookAt(reader, decodedImages(model.vqgan, codes).map((picture) => ({ picture })));
      const [source, ...candidates] = look.pictures;
      const alone = candidates.map((one) =>
        logLikelihoods(look.text, [[dynamicsSequence(look.vocabulary, source!, one, "push it")]])[0]![0]!
      );
      assertClose(rewards!, alone.map(({ mean }) => mean), 1e-5, "rewards");
    }
    const items = noisyTrajectories(model, ["push it", "open it"]);
    const image = { ...reader.text, head: model.chameleon.head };
    const points = await probe({ ...reader, image }, items, new Map(), 1);
    {
      using look = await lookAtTrajectories(reader, items);
      const truth = picturePairs(look).map(({ source, target }, i) =>
        logLikelihoods(look.text, [[dynamicsSequence(look.vocabulary, source, target, items[i]!.trajectory.action)]])[0]![0]!.mean
      );
      const found = items.map(({ trajectory: { id } }) =>
        points.find((point) => point.id === id && point.task === "action" && point.negative === "inverse")!
      );
      assertClose(found.map(({ reference }) => reference), truth, 1e-5, "true transitions");
    }
    disposeSampler(reader.text);
    disposeModel(model);
  }));
