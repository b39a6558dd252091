import { reportHtml } from "../../lib/report/page.ts";
import { heatMap } from "../../lib/report/mod.ts";
import { encodePng } from "../../lib/tokens/mod.ts";
import { browserTest, openPage } from "../browser.ts";
import { assertEquals, withFolder } from "../support.ts";

browserTest(
  "the report opens from disk, asks for nothing, and its gallery can be searched",
  async (browser) =>
    await withFolder(async (folder) => {
      const png = await encodePng(heatMap([0, 1, 2, 3], 2));
      const item = (action: string) => ({
        action,
        subset: "ag",
        pictures: [{ title: "source", png }, { title: "cwm", note: "3.0: <i>seen</i>", png }],
      });
      const rows = Array.from({ length: 20 }, (_, i) => ({ system: `s${i}`, score: i / 3 }));
      const html = reportHtml("A report", [{ title: "Table 2", rows }], [
        item("open the <script>alert(1)</script> door"),
        item("close it"),
      ]);
      Deno.writeTextFileSync(`${folder}/report.html`, html);
      const { page, quiet, asked } = await openPage(browser, `file://${folder}/report.html`, { width: 1000, height: 800 });
      await page.getByText("20 rows").click();
      await page.getByRole("cell", { name: "s19" }).waitFor();
      await page.getByRole("searchbox").fill("DOOR seen");
      assertEquals(await page.locator(".item:visible").count(), 1);
      assertEquals(await page.locator("#count").textContent(), "1 shown");
      assertEquals(asked.filter((url) => !url.startsWith("file:") && !url.startsWith("data:")), []);
      quiet();
      await page.close();
    }),
);
