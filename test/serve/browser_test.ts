import { Buffer } from "node:buffer";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { readSynthetic } from "../../lib/synthesis/mod.ts";
import { browserTest, openPage } from "../browser.ts";
import { assert, assertEquals } from "../support.ts";
import { tinyExamples, tinyModels, withPage } from "./support.ts";

const SHOTS = Deno.env.get("WORLDSTRAP_SCREENSHOTS"); // a folder, to look at what the test saw
const models = await tinyModels(3);

async function look(page: Page, name: string): Promise<void> {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/serve-${name}.png`, fullPage: true });
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate("axe.run()") as axe.AxeResults;
  assertEquals(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`), [], name);
}

/** Presses Tab until something with a name has the focus. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(
      "(() => { const e = document.activeElement; return e.getAttribute('aria-label') ?? e.labels?.[0]?.textContent ?? e.textContent; })()",
    ) as string;
    if (name.test(found.trim())) return;
  }
  throw new Error(`${name} cannot be reached by Tab`);
}

/** From now on keeps the addresses of unfinished pictures: they may come and go between two looks of the test. */
const watchUnfinished = (page: Page) =>
  page.evaluate(`(() => {
    window.unfinished = [];
    const note = () => window.unfinished.push(...[...document.querySelectorAll("#running img")].map(({ src }) => src));
    new MutationObserver(note).observe(document.getElementById("running"), { childList: true, subtree: true, attributes: true });
  })()`);

const status = (page: Page, text: RegExp) => page.locator("#message").filter({ hasText: text }).waitFor();

browserTest(
  "serve by keyboard alone: an example, an action, candidates, on from one of them, what was done, a training example",
  async (browser) =>
    await withPage(models, false, async ({ link, folder }) => {
      const { page, quiet, asked } = await openPage(browser, link, { width: 1200, height: 900 });
      await page.getByText("example 2").waitFor();
      await look(page, "begin");
      await tabTo(page, /^example 2$/);
      await page.keyboard.press("Enter");
      await page.getByText("0: example 2 (given)").first().waitFor();
      await tabTo(page, /^What is done/);
      await page.keyboard.type("remove the red circle");
      await watchUnfinished(page);
      await page.keyboard.press("Enter");
      await status(page, /^3 candidates; the likeliest is candidate \d with log p −\d/);
      const unfinished = await page.evaluate("window.unfinished") as string[]; // rows while they were drawn
      assert(unfinished.length >= 3 && unfinished.every((src) => src.startsWith("data:image/png")), `${unfinished.length} pictures`);
      const shown = await page.locator("#sides p").filter({ hasText: "log p" }).allTextContents();
      const likelihoods = shown.map((text) => Number(text.split("log p ")[1]!.replace("−", "-")));
      assertEquals(likelihoods, likelihoods.toSorted((a, b) => b - a));
      await page.waitForLoadState("networkidle");
      await look(page, "candidates");
      await tabTo(page, /^Show where/);
      await page.keyboard.press("Space");
      assertEquals(await page.locator(".weights:visible").count(), 3);
      await tabTo(page, /^Save candidate/);
      await page.keyboard.press("Enter");
      await status(page, /^Saved; 1 example in/);
      await page.locator("#look").focus();
      await tabTo(page, /^Go on from/);
      await page.keyboard.press("Enter");
      await page.getByText(/^\d: remove the red circle$/).first().waitFor();
      await tabTo(page, /^What is done/);
      await page.keyboard.type("add a blue square");
      await page.keyboard.press("Enter");
      await status(page, /^3 candidates/);
      await tabTo(page, /^Ask$/);
      await page.keyboard.press("Enter");
      await status(page, /^The dynamics model says/);
      await page.locator("#said").fill("the red circle is gone");
      await tabTo(page, /^Save as a training/);
      await page.keyboard.press("Enter");
      await status(page, /^Saved; 2 examples/);
      await look(page, "tree");
      const [tree, ...nodes] = [await page.locator("#tree").textContent(), await page.locator("#tree .thumbs button").count()];
      assert(tree!.includes("add a blue square"));
      assertEquals(nodes, [7]);
      await page.reload(); // the tree is where it was
      await page.getByText(/^\d: remove the red circle$/).first().waitFor();
      assertEquals(await page.locator("#tree .thumbs button").count(), 7);
      const { trajectories, problems } = readSynthetic(`${folder}/examples/trajectories.jsonl`, 0);
      assertEquals([trajectories.map(({ action }) => action), problems], [["remove the red circle", "the red circle is gone"], []]);
      assertEquals((await trajectories[0]!.target.load()).width, 64);
      assert(asked.every((url) => url.startsWith("http://127.0.0.1") || url.startsWith("data:")), `${asked}`);
      assert(asked.slice(1).every((url) => url === link || !url.includes(link.split("#")[1]!)), "the secret is in no address");
      quiet();
      await page.close();
    }),
);

browserTest(
  "serve on a phone: a photo is sent, two world models on the same seeds, a place in the queue, cancelling",
  async (browser) =>
    await withPage(models, true, async ({ link, hold }) => {
      const context = await browser.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
      const page = await context.newPage();
      const fits = async (name: string) => {
        await look(page, name);
        const [scroll, width] = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]") as [number, number];
        assert(scroll <= width, `${name} is ${scroll} pixels wide`);
      };
      await page.goto(link);
      await page.getByText("example 1").waitFor();
      await fits("phone-begin");
      assertEquals(await page.locator("#camera").getAttribute("capture"), "environment");
      const [example] = await tinyExamples(1);
      const photo = { name: "../../photo <b>.png", mimeType: "image/png", buffer: Buffer.from(example!.png) };
      await page.locator("#camera").setInputFiles(photo);
      await page.getByText("0: a picture of yours (given)").first().waitFor();
      await page.getByLabel("What is done?").fill("remove the red circle <b>now</b>");
      await page.getByRole("button", { name: "Imagine" }).tap();
      await status(page, /^6 candidates/);
      await page.locator("#sides").getByText("The other world model").waitFor();
      const sides = await page.locator("#sides ol").evaluateAll((lists) =>
        lists.map((list) => [...list.querySelectorAll("p")].map((p) => p.textContent).join())
      );
      assertEquals(sides[1], sides[0]); // here both are the base, on the same seeds
      await page.waitForLoadState("networkidle");
      await fits("phone-candidates");
      const small = await page.locator("button:visible, select:visible").evaluateAll((all) =>
        all.filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)
      );
      assertEquals(small, [], "what is touched is at least 44 pixels high");

      hold(true);
      await page.getByRole("button", { name: "Imagine" }).tap();
      await page.getByText(/before you|You are next/).first().waitFor();
      await fits("phone-waiting");
      await page.getByRole("button", { name: "Cancel" }).tap();
      await status(page, /^Cancelled/);
      hold(false);
      await page.locator("#seed").fill("7");
      await page.getByRole("button", { name: "Imagine" }).tap();
      await status(page, /^6 candidates/);
      assertEquals(await page.locator("#tree .thumbs button").count(), 13); // of what was cancelled nothing is there
      await context.close();
    }),
);
