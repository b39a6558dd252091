/**
 * A headless browser for tests. Where there is none the tests that need it say so and pass.
 *
 * @module
 */
import { type Browser, chromium, type Page } from "playwright-core";
import { assertEquals } from "./support.ts";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function browserPath(): string | undefined {
  const found = [Deno.env.get("WORLDSTRAP_BROWSER") ?? "", ...PATHS].find((path) => {
    try {
      return path !== "" && Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
  if (!found) console.warn("skipped: there is no Chromium (WORLDSTRAP_BROWSER names another path)");
  return found;
}

/** A test in a browser; a message on its console or an error on the page fails it. */
export function browserTest(name: string, body: (browser: Browser) => Promise<void>): void {
  const executablePath = browserPath();
  Deno.test({
    name,
    ignore: executablePath === undefined,
    sanitizeOps: false, // playwright keeps a pipe
    sanitizeResources: false,
    fn: async () => {
      const browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
      try {
        await body(browser);
      } finally {
        await browser.close();
      }
    },
  });
}

/** Opens a page and notes what its console says and what it asks of the network. */
export async function openPage(browser: Browser, url: string, size: { width: number; height: number }): Promise<{
  page: Page;
  quiet: () => void;
  asked: string[];
}> {
  const page = await browser.newPage({ viewport: size });
  const said: string[] = [];
  const asked: string[] = [];
  page.on("console", (message) => void said.push(message.text()));
  page.on("pageerror", (error) => void said.push(error.message));
  page.on("request", (request) => void asked.push(request.url()));
  await page.goto(url);
  return { page, asked, quiet: () => assertEquals(said, [], "the console is not empty") };
}
