import axe from "axe-core";
import type { Page } from "playwright-core";
import { createStudy, readVotes, studyHandler } from "../../lib/human/mod.ts";
import { heatMap } from "../../lib/report/mod.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { randomToken } from "../../lib/web/mod.ts";
import { browserTest, openPage } from "../browser.ts";
import { assert, assertEquals, withFolder } from "../support.ts";

const SHOTS = Deno.env.get("WORLDSTRAP_SCREENSHOTS"); // a folder, to look at what the test saw
const SYSTEMS = ["a", "b", "c", "d"];
const ITEMS = ["ag", "kubric"].flatMap((subset) =>
  Array.from({ length: 3 }, (_, i) => ({ id: `${subset}-${i}`, subset, action: `move the ${subset} cup <b>to the left</b>, ${i}` }))
);

/** A server with a study of six items; the body gets the address for one invite. */
async function withStudy(body: (link: string, votes: () => number, pause: (down: boolean) => void) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const invite = randomToken();
    const study = createStudy(`${folder}/study.db`, {
      systems: SYSTEMS,
      items: ITEMS,
      invites: [invite],
      perSubset: 3,
      seed: 1,
      pictures: "p",
    });
    const picture = async (_: string, system: string) =>
      await encodePng(heatMap(Array.from({ length: 64 }, (_, i) => (i * (system.charCodeAt(0) || 1)) % 17), 8)) as Uint8Array<ArrayBuffer>;
    const handle = studyHandler(study, picture);
    const state = { down: false };
    const options = { port: 0, hostname: "127.0.0.1", onListen: () => {} };
    const server = Deno.serve(options, (request) => state.down ? new Response("down", { status: 503 }) : handle(request));
    const link = `http://127.0.0.1:${server.addr.port}/#${invite}`;
    try {
      await body(link, () => readVotes(study).length, (down) => void (state.down = down));
    } finally {
      await server.shutdown();
      study.close();
    }
  });
}

async function look(page: Page, name: string): Promise<void> {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate("axe.run()") as axe.AxeResults;
  assertEquals(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`), [], name);
}

browserTest(
  "human-eval by mouse, with a reload in the middle and a server that is away for a while",
  async (browser) =>
    await withStudy(async (link, votes, pause) => {
      const { page, asked } = await openPage(browser, link, { width: 1200, height: 900 });
      await page.getByText("Begin").waitFor();
      await look(page, "welcome");
      await page.getByRole("checkbox").check();
      await page.getByRole("button", { name: "Begin" }).click();
      for (let i = 1; i <= 6; i++) {
        await page.getByText(`${i} of 6`).waitFor();
        if (i === 1) {
          await page.waitForLoadState("networkidle"); // all pictures are there
          await look(page, "item");
          assert(await page.getByRole("button", { name: "Next" }).isDisabled());
          assert((await page.locator("h1:visible").textContent())!.includes("<b>"), "an instruction is text, never HTML");
        }
        if (i === 3) {
          await page.reload(); // the answers before stay
          await page.getByText("3 of 6").waitFor();
          assertEquals(votes(), 2);
        }
        await page.getByRole("radio", { name: "Picture 2 is the best" }).check();
        await page.getByRole("radio", { name: "Picture 2 is the worst" }).check(); // not both: the newer choice stays
        assert(await page.getByRole("button", { name: "Next" }).isDisabled());
        await page.getByRole("radio", { name: "Picture 4 is the best" }).check();
        if (i === 4) pause(true);
        await page.getByRole("button", { name: "Next" }).click();
        if (i === 4) {
          await page.getByText("The server cannot be reached").waitFor();
          await look(page, "offline");
          await page.reload().catch(() => {}); // the server is away, so the page itself does not come
          pause(false);
          await page.goto("about:blank");
          await page.goto(link); // the kept answer is sent first
        }
      }
      await page.getByText("Thank you.").waitFor();
      await look(page, "done");
      assertEquals([votes(), (await page.locator("#completion").textContent())!.length], [6, 8]);
      assert(asked.every((url) => url.startsWith("http://127.0.0.1") && !url.includes(link.split("#")[1]!) || url === link), `${asked}`);
      await page.close();
    }),
);

browserTest("human-eval by keyboard alone", async (browser) =>
  await withStudy(async (link, votes) => {
    const { page, quiet } = await openPage(browser, link, { width: 1000, height: 800 });
    await page.getByText("Begin").waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    for (let i = 1; i <= 6; i++) {
      await page.getByText(`${i} of 6`).waitFor();
      await page.keyboard.press("Digit1");
      await page.keyboard.press("Shift+Digit3");
      await page.keyboard.press("Enter");
    }
    await page.getByText("Thank you.").waitFor();
    assertEquals(votes(), 6);
    quiet();
    await page.close();
  }));

browserTest("human-eval by touch on a phone", async (browser) =>
  await withStudy(async (link, votes) => {
    const context = await browser.newContext({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    const page = await context.newPage();
    await page.goto(link);
    await page.getByText("Begin").waitFor();
    await look(page, "phone-welcome");
    await page.getByRole("checkbox").tap();
    await page.getByRole("button", { name: "Begin" }).tap();
    for (let i = 1; i <= 6; i++) {
      await page.getByText(`${i} of 6`).waitFor();
      await page.getByRole("radio", { name: "Picture 1 is the best" }).tap();
      await page.getByRole("radio", { name: "Picture 2 is the worst" }).tap();
      if (i === 1) {
        await look(page, "phone-item");
        const [scroll, width] = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]") as [number, number];
        assert(scroll <= width, `the page is ${scroll} pixels wide`);
        const small = await page.locator("label:visible, button:visible").evaluateAll((all) =>
          all.filter((one) => one.getBoundingClientRect().height < 44).length
        );
        assertEquals(small, 0, "what is touched is at least 44 pixels high");
      }
      await page.getByRole("button", { name: "Next" }).tap();
    }
    await page.getByText("Thank you.").waitFor();
    assertEquals(votes(), 6);
    await context.close();
  }));
