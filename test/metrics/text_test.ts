import { corpusBleu, type Overlap, rougeL, rougeN, sentenceBleu } from "../../lib/metrics/text.ts";
import { assert, assertClose, assertThrows, UserError } from "../support.ts";

interface Recorded {
  readonly rows: readonly { prediction: string; reference: string; rouge: readonly (readonly number[])[]; bleu: number }[];
  readonly corpora: readonly { rows: readonly number[]; bleu: number }[];
}

const { rows, corpora } = JSON.parse(
  Deno.readTextFileSync(new URL("../parity/reference/text_metrics.json", import.meta.url)),
) as Recorded;
const flat = ({ precision, recall, f }: Overlap) => [precision, recall, f];

Deno.test("ROUGE-1, -2 and -L equal rouge_score's on every recorded pair", () => {
  assert(rows.length >= 200);
  for (const { prediction, reference, rouge } of rows) {
    const ours = [rougeN(prediction, reference, 1), rougeN(prediction, reference, 2), rougeL(prediction, reference)];
    ours.forEach((overlap, i) => assertClose(flat(overlap), [...rouge[i]!], 1e-12, `${prediction} | ${reference}`));
  }
});

Deno.test("BLEU equals sacrebleu's on every recorded pair, and on corpora of them", () => {
  for (const { prediction, reference, bleu } of rows) {
    assertClose([sentenceBleu(prediction, reference)], [bleu], 1e-9, `${prediction} | ${reference}`);
  }
  for (const { rows: chosen, bleu } of corpora) {
    const pairs = chosen.map((i) => rows[i]!);
    const ours = corpusBleu(pairs.map(({ prediction }) => prediction), pairs.map(({ reference }) => reference));
    assertClose([ours], [bleu], 1e-9, `${chosen.length} pairs`);
  }
});

Deno.test("corpusBleu() refuses unequal lists", () => {
  assertThrows(() => corpusBleu(["a"], []), UserError, "one each is needed");
});
