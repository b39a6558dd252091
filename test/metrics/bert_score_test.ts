import { openBertScorer } from "../../lib/metrics/bert_score.ts";
import { readJson } from "../../lib/files.ts";
import { assertClose, assertEquals, assertRejects, withFolder } from "../support.ts";

const BERT = new URL("../parity/reference/bert", import.meta.url).pathname;

Deno.test("openBertScorer() scores as bert_score does, rescaled", async () => {
  const rows = readJson(`${BERT}/scores.json`) as { prediction: string; reference: string; f: number }[];
  const scorer = await openBertScorer(BERT, 2);
  const scores = await scorer.score(rows.map(({ prediction }) => prediction), rows.map(({ reference }) => reference));
  assertClose(scores, rows.map(({ f }) => f), 1e-5);
  assertClose(await scorer.score(["", "door"], ["door", ""]), [-1 / 3, -1 / 3], 1e-6); // raw 0 with a baseline of 0.25
  assertEquals(scorer.signature, "bert_score|model:bert|layer:2|idf:no|rescaled:yes");
  await scorer.close();
});

Deno.test("openBertScorer() names the file that is missing or broken", () =>
  withFolder(async (folder) => {
    await assertRejects(() => openBertScorer(folder), Error, `there is no ${folder}/tokenizer.json`);
    Deno.copyFileSync(`${BERT}/tokenizer.json`, `${folder}/tokenizer.json`);
    await assertRejects(() => openBertScorer(folder), Error, `Cannot find ${folder}/onnx/model.onnx`);
    Deno.mkdirSync(`${folder}/onnx`);
    Deno.writeTextFileSync(`${folder}/onnx/model.onnx`, "no model");
    await assertRejects(() => openBertScorer(folder), Error, "as an ONNX model");
    Deno.writeTextFileSync(`${folder}/baseline.tsv`, "LAYER\tP\tR\tF\n");
    await assertRejects(() => openBertScorer(folder), Error, "for layer 17");
  }));
