/**
 * Screens of the live page for the guide: `deno run -A test/serve/screens.ts LINK docs/pictures`, LINK as `deno task serve` printed it.
 *
 * @module
 */
import { chromium, type Page } from "playwright-core";
import sharp from "sharp";

const [link, folder] = Deno.args as [string, string];
const executablePath = Deno.env.get("WORLDSTRAP_BROWSER") ?? "/usr/bin/chromium";

/** Does two actions, one after the other, and takes the page as it is then. */
async function take(page: Page, example: number, actions: readonly string[]): Promise<Uint8Array> {
  await page.goto(link);
  await page.getByText(`example ${example}`).click();
  for (const [i, action] of actions.entries()) {
    await page.getByLabel("What is done?").fill(action);
    await page.getByRole("button", { name: "Imagine" }).click();
    await page.locator("#message").filter({ hasText: /candidates; the likeliest/ }).waitFor({ timeout: 120_000 });
    if (i < actions.length - 1) await page.getByRole("button", { name: /^Go on from .* rank 1$/ }).click();
  }
  await page.evaluate("scrollTo(0, 0)");
  await page.waitForLoadState("networkidle");
  return new Uint8Array(await page.screenshot({ fullPage: true }));
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
for (const [name, width, height] of [["serve", 1000, 900], ["serve-phone", 360, 740]] as const) {
  const page = await browser.newPage({ viewport: { width, height } });
  const shot = await take(page, 4, ["take away the cyan diamond", "move the purple circle right"]);
  const cut = name === "serve"
    ? sharp(shot)
    : sharp(shot).resize({ height: 1600, fit: "cover", position: "top", withoutEnlargement: true });
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(`${folder}/${name}.png`, new Uint8Array(await cut.png({ palette: true }).toBuffer()));
  await page.close();
}
await browser.close();
