import { scoreActions } from "../../lib/metrics/actions.ts";
import { assertEquals } from "../support.ts";

Deno.test("scoreActions() by subset; what is not known is null, not 0", () => {
  const pair = (subset: string, predicted: string, reference: string, meant?: boolean) => ({
    id: predicted,
    subset,
    predicted,
    reference,
    meant,
  });
  const { all, a, b } = scoreActions([pair("a", "Open the door.", "open the door", true), pair("b", "go", "open the door")], [1, 0]);
  assertEquals([all!.n, all!.exact, all!.meaning, all!.bert_score], [2, 0.5, null, 0.5]);
  assertEquals([a!.exact, a!.meaning, a!.rouge1, a!.bleu < 1], [1, 1, 1, true]);
  assertEquals([b!.rougeL, b!.bleu, b!.n], [0, 0, 1]);
  assertEquals(scoreActions([pair("a", "x", "x")])["a"]!.bert_score, null);
});
