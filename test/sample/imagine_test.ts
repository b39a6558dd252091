import { codesOf, imagineAll, unfinished } from "../../lib/sample/mod.ts";
import { imageSampler, textSampler } from "../../lib/sample/mod.ts";
import { disposeSampler } from "../../lib/sample/sampler.ts";
import { disposeModel } from "../../lib/model/checkpoint.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { decodedImages, loadVocabulary } from "../../lib/tokens/mod.ts";
import { renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { assertClose, assertEquals, engine, withoutLeaks } from "../support.ts";

await engine();
const OPTIONS = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1 };

Deno.test("imagineAll() gives a question the candidates that it has alone, whatever is asked beside it, and tells of each row", () =>
  withoutLeaks(async () => {
    const base = loadModel("data/tiny", "float32");
    const { chameleon, vqgan } = base;
    const vocabulary = loadVocabulary("data/tiny", vqgan.config.codes);
    const models = { image: imageSampler(chameleon, vocabulary), text: textSampler(chameleon, vocabulary), vqgan, vocabulary };
    const transitions = worldTrajectories("easy", 1, "bench", 2);
    const pictures = await renderScenes(transitions.map(({ before }) => before));
    const [a, b] = pictures.map((picture, i) => ({ source: codesOf(vqgan, picture), action: transitions[i]!.action, seed: i + 3 }));
    const sizes: number[] = [];
    const together = imagineAll(models, [a!, b!, { ...a!, seed: 9 }, a!], 2, OPTIONS, (codes) => void sizes.push(codes[1]![0]!.length));
    assertEquals(sizes, [8, 16, 24, 32, 40, 48, 56, 64]);
    const drawnOf = (candidates: typeof together[0]) => candidates.map(({ logLikelihood: _, ...drawn }) => drawn);
    const rewardsOf = (candidates: typeof together[0]) => candidates.map(({ logLikelihood }) => logLikelihood);
    assertEquals(drawnOf(together[3]!), drawnOf(together[0]!));
    assertClose(rewardsOf(together[3]!), rewardsOf(together[0]!), 1e-5); // a product's last bits may depend on the row (AVX2)
    for (const [i, query] of [a!, b!].entries()) {
      const [alone] = imagineAll(models, [query], 2, OPTIONS);
      assertEquals(
        alone!.map(({ codes, candidate }) => [codes, candidate]),
        together[i]!.map(({ codes, candidate }) => [codes, candidate]),
      );
      assertClose(rewardsOf(alone!), rewardsOf(together[i]!), 1e-4);
    }
    const first = together[0]![0]!;
    const [half] = unfinished(vqgan, a!.source, [first.codes.slice(0, 32)]);
    assertEquals([half], decodedImages(vqgan, [[...first.codes.slice(0, 32), ...a!.source.slice(32)]]));
    for (const sampler of [models.image, models.text]) disposeSampler(sampler);
    disposeModel(base);
  }));
