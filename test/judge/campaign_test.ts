import { Buffer } from "node:buffer";
import { type Campaign, costText, judgeEntries, planCosts } from "../../lib/judge/campaign.ts";
import { type Entry, readEntries } from "../../lib/judge/entries.ts";
import type { RgbImage } from "../../lib/tokens/mod.ts";
import { assert, assertClose, assertEquals, withFolder } from "../support.ts";

const flat = (value: number, width: number, height: number): RgbImage => ({
  ...{ width, height, data: new Uint8Array(3 * width * height).fill(value) },
});
const observation = (picture: RgbImage) => ({ name: "", key: () => Promise.resolve(""), load: () => Promise.resolve(picture) });

/** Entries of one source of 40 × 20 pixels, each a square of 16 of one brightness. */
async function entriesOf(brightness: readonly number[], side = 16): Promise<Entry[]> {
  const trajectory = {
    id: "1",
    subset: "ag",
    action: "open it",
    source: observation(flat(1, 40, 20)),
    target: observation(flat(2, 40, 20)),
  };
  const { entries } = await readEntries(
    brightness.map((value, i) => ({ system: `s${i}`, trajectory, load: () => Promise.resolve(flat(value, side, side)) })),
  );
  return entries;
}

/** Runs with an endpoint that says what it was shown: pixels of both pictures, and how closely it was told to look. */
async function withEndpoint(body: (shown: string[], seen: { asked: number }) => Promise<void>, refuse = (_: number) => false) {
  const shown: string[] = [];
  const seen = { asked: 0 };
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { messages: [{ content: [, ...pictures] }] } = await request.json();
    const turn = seen.asked++;
    shown.push(
      pictures.map(({ image_url: { url, detail } }: { image_url: { url: string; detail: string } }) => {
        const png = Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
        return `${png.readUInt32BE(16)}×${png.readUInt32BE(20)} ${detail}`;
      }).join(", "),
    );
    const message = refuse(turn)
      ? { role: "assistant", content: null, refusal: "no" }
      : { role: "assistant", content: JSON.stringify({ reasoning: "", editing_success: 4, minimal_editing: 6 }) };
    return Response.json({
      choices: [{ index: 0, finish_reason: "stop", message }],
      usage: { prompt_tokens: 1200, completion_tokens: 30 },
    });
  });
  Deno.env.set("OPENAI_BASE_URL", `http://127.0.0.1:${server.addr.port}/v1`);
  Deno.env.set("OPENAI_API_KEY", "sk-canary-framing");
  try {
    await body(shown, seen);
  } finally {
    Deno.env.delete("OPENAI_BASE_URL");
    Deno.env.delete("OPENAI_API_KEY");
    await server.shutdown();
  }
}

function campaignIn(folder: string, framing: "paper" | "aligned" = "paper", more: Partial<Campaign> = {}): Campaign {
  return {
    ...{ protocol: { prompt: "Was it done? {action}", framing, detail: "high" }, model: "gpt-4o", cache: folder, maxCost: 0 },
    ...{ price: { prompt: 2.5, completion: 10 }, concurrency: 2, timeout: 5, batch: false, ledger: `${folder}/batches.json` },
    ...{ again: false, onProgress: () => {}, ...more },
  };
}

Deno.test("judgeEntries() shows source and prediction as they are, or framed alike, and keeps the answers of both apart", () =>
  withFolder(async (folder) => {
    const entries = await entriesOf([5]);
    await withEndpoint(async (shown, seen) => {
      await judgeEntries(entries, campaignIn(folder, "paper"));
      await judgeEntries(entries, campaignIn(folder, "aligned"));
      assertEquals(shown, ["40×20 high, 16×16 high", "16×16 high, 16×16 high"]);
      const low = campaignIn(folder, "aligned");
      await judgeEntries(entries, { ...low, protocol: { ...low.protocol, detail: "low" } });
      assertEquals(shown.at(-1), "16×16 low, 16×16 low");
      await judgeEntries(entries, campaignIn(folder, "aligned"));
      assertEquals(seen.asked, 3); // the answer is kept
    });
  }));

Deno.test("judgeEntries() asks once about pictures that look alike, and says what was paid now and in all", () =>
  withFolder(async (folder) => {
    const entries = await entriesOf([5, 6, 5, 5, 7]);
    await withEndpoint(async (_, seen) => {
      const first = await judgeEntries(entries.slice(0, 3), campaignIn(folder));
      assertEquals([first.verdicts.length, seen.asked], [3, 2]);
      const { verdicts, spent, cost } = await judgeEntries(entries, campaignIn(folder));
      assertEquals(seen.asked, 3);
      assertEquals(verdicts.map((one) => "score" in one && one.score), [4, 4, 4, 4, 4]);
      assertEquals([spent.prompt, cost.prompt, cost.completion], [1200, 3600, 90]);
      assertClose([cost.dollars], [(3600 * 2.5 + 90 * 10) / 1e6], 1e-12);
    });
  }));

Deno.test("judgeEntries() keeps what was paid for and came to nothing, and asks it again when it is told to", () =>
  withFolder(async (folder) => {
    const entries = await entriesOf([5, 6]);
    await withEndpoint(async (_, seen) => {
      const first = await judgeEntries(entries, campaignIn(folder, "paper", { concurrency: 1 }));
      assertEquals(first.verdicts[0], { unscored: "the model refused" });
      await judgeEntries(entries, campaignIn(folder));
      assertEquals(seen.asked, 2);
      const { verdicts } = await judgeEntries(entries, campaignIn(folder, "paper", { again: true }));
      assertEquals([seen.asked, "score" in verdicts[0]!], [3, true]);
    }, (turn) => turn === 0);
  }));

Deno.test("planCosts() counts what differs and is not answered, and goes by the answers that there are", () =>
  withFolder(async (folder) => {
    const entries = await entriesOf([5, 6, 5, 8], 600);
    const before = await planCosts(entries, campaignIn(folder));
    const text = Math.ceil("Was it done? {action}open it".length / 4.1);
    const schema = Math.ceil(224 / 4.1);
    assertEquals([before.pictures, before.distinct, before.kept], [4, 3, 0]);
    assertEquals(before.prompt, 3 * (7 + text + schema + 255 + 765)); // 40 × 20 is one tile, 600 × 600 four
    const aligned = await planCosts(entries, campaignIn(folder, "aligned"));
    assertEquals(aligned.prompt - before.prompt, 3 * (765 - 255));
    await withEndpoint(async () => {
      await judgeEntries(entries.slice(0, 1), campaignIn(folder));
      const after = await planCosts(entries, campaignIn(folder));
      assertEquals([after.kept, after.prompt, after.completion], [1, 2400, 60]);
      const said = costText(after, "gpt-4o", "prices.json", true);
      assert(
        said.includes("4 pictures, 3 of them different, 1 answered already") && said.includes("2 calls of gpt-4o, about 2400 + 60"),
        said,
      );
    });
  }));
