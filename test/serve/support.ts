/**
 * A live page on the tiny base, for tests: the page's thread as it is served, the models in the test's.
 *
 * @module
 */
import { openBackend } from "../../lib/engine/mod.ts";
import { loadModel, openEncoder } from "../../lib/model/mod.ts";
import { imageSampler, textSampler } from "../../lib/sample/mod.ts";
import { answerAll, type Answering, openPage } from "../../lib/serve/mod.ts";
import { encodePng, loadVocabulary } from "../../lib/tokens/mod.ts";
import { renderScenes, worldTrajectories } from "../../lib/world/mod.ts";
import { withFolder } from "../support.ts";

export const TOKEN = "0123456789abcdef0123456789abcdef";
export const MAKER = { base: "ab12", adapter: "cd34", version: "0.1.0" };
export const OPTIONS = { temperature: 1, topK: 0, topP: 1, guidanceText: 1, guidanceImage: 1 };

/** A page in a test. */
export interface TestPage {
  /** Its address with the secret. */
  readonly link: string;
  /** Its address. */
  readonly origin: string;
  /** The run's folder. */
  readonly folder: string;
  /** Holds the models back, or lets them go on. */
  readonly hold: (held: boolean) => void;
}

/** The tiny base without adapters, ready to answer. */
export async function tinyModels(candidates = 4, precision: "float32" | "bfloat16" = "float32"): Promise<Answering> {
  await openBackend();
  const { chameleon, vqgan } = loadModel("data/tiny", precision);
  const vocabulary = loadVocabulary("data/tiny", vqgan.config.codes);
  const [image, text] = [imageSampler(chameleon, vocabulary), textSampler(chameleon, vocabulary)];
  return { image, text, vqgan, encoder: openEncoder(vqgan), vocabulary, other: image, candidates, together: 4, options: OPTIONS };
}

/** Pictures of the tiny world to begin with, and what may be done there. */
export async function tinyExamples(count: number) {
  const transitions = worldTrajectories("easy", 1, "bench", count);
  const pictures = await renderScenes(transitions.map(({ before }) => before));
  return await Promise.all(transitions.map(async ({ action }, i) => ({
    ...{ title: `example ${i + 1}`, actions: [action], png: await encodePng(pictures[i]!) as Uint8Array<ArrayBuffer> },
  })));
}

/** Serves a page while a test's body runs. */
export async function withPage(models: Answering, compares: boolean, body: (page: TestPage) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const settings = {
      folder,
      tokens: [TOKEN],
      hostname: "127.0.0.1",
      port: 0,
      side: 64,
      rows: 8,
      candidates: models.candidates,
      compares,
    };
    const examples = await tinyExamples(3);
    const page = await openPage({ ...settings, together: models.together, examples, makers: { cwm: MAKER, other: MAKER } });
    let gate = Promise.resolve();
    let open = () => {};
    let closed = false;
    const hold = (held: boolean) => {
      open();
      gate = held ? new Promise((resolve) => open = resolve) : Promise.resolve();
    };
    void (async () => {
      for (;;) {
        const { number, questions } = await page.next();
        await gate;
        if (closed) return;
        const watching = { onGrowth: page.grow, isUnwanted: () => page.isUnwanted(number) };
        page.answer(answerAll(models, questions, watching));
      }
    })();
    const origin = `http://127.0.0.1:${page.port}`;
    try {
      await body({ link: `${origin}/#${TOKEN}`, origin, folder, hold });
    } finally {
      closed = true;
      open();
      page.close();
    }
  });
}
