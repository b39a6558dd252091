import { resolveConfig } from "../../lib/experiment/config.ts";
import { loadModel } from "../../lib/model/mod.ts";
import { LONGEST_REHEARSED, rehearsal, requireRehearsable } from "../../lib/pretrain/rehearsal.ts";
import { loadVocabulary } from "../../lib/tokens/mod.ts";
import { dynamicsBatch } from "../../lib/trajectories/mod.ts";
import { assert, assertEquals, assertThrows, engine, UserError } from "../support.ts";

await engine();
const { vqgan } = loadModel("data/tiny", "float32");
const vocabulary = loadVocabulary("data/tiny", vqgan.config.codes);
const configOf = (rehearse: number) => resolveConfig("data/configs/scarce.yaml", [{ key: "cdm.rehearse", value: `${rehearse}` }]);

Deno.test("rehearsal() asks of one picture or two and has words for an answer, the same for a seed", async () => {
  const sequences = await rehearsal(configOf(4), vqgan, vocabulary, 40);
  assertEquals(sequences.length, 400);
  const words = sequences.map(({ completion }) => vocabulary.decode(completion));
  assert(words.some((text) => text.includes("only first")) && words.some((text) => text.includes("yellow") && !text.includes("only")));
  const pictures = sequences.map(({ prompt }) =>
    prompt.filter((id) => id >= vocabulary.firstImage && id < vocabulary.firstImage + 1000).length
  );
  assertEquals(new Set(pictures), new Set([64, 128]));
  assert(sequences.every(({ completion }) => completion.at(-1) === vocabulary.eos && completion.length <= LONGEST_REHEARSED));
  assertEquals(await rehearsal(configOf(8), vqgan, vocabulary, 40), sequences);
});

Deno.test("rehearsal() gives nothing where nothing is asked for; requireRehearsable() wants the tiny base, and a row for a trajectory", async () => {
  assertEquals(await rehearsal(configOf(0), vqgan, vocabulary), []);
  assertThrows(() => requireRehearsable(configOf(16)), UserError, "in 16 of 16 rows");
  const large = { ...configOf(4), model: { ...configOf(4).model, path: "test/parity/reference/janus" } };
  assertThrows(() => requireRehearsable(large), UserError, "give --cdm.rehearse=0");
  for (const rehearse of [0, 4]) requireRehearsable(configOf(rehearse));
});

Deno.test("dynamicsBatch() lays what is rehearsed below the trajectories; each learnt token weighs the same", () => {
  const rehearsed = [{ prompt: [5, 6], completion: [7, 8, 9] }, { prompt: [5], completion: [9] }];
  const { tensors: { labels, weights } } = dynamicsBatch([], vocabulary, { limit: 100, multiple: 4, labels: 5 }, rehearsed);
  assertEquals([...labels.dataSync()], [-1, -1, 7, 8, 9, -1, -1, -1, -1, 9]);
  assertEquals([...weights.dataSync()], [0, 0, 2.5, 2.5, 2.5, 0, 0, 0, 0, 2.5]); // a mean of 1 over the batch
});
