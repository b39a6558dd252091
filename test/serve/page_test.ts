import { openPage } from "../../lib/serve/mod.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";
import { MAKER, tinyExamples, TOKEN } from "./support.ts";

const SETTINGS = { tokens: [TOKEN], hostname: "127.0.0.1", port: 0, side: 64, rows: 8, candidates: 1, together: 2, compares: false };

Deno.test("openPage() answers requests while the models' thread is busy, and hears at once that nobody wants an answer any more", () =>
  withFolder(async (folder) => {
    const page = await openPage({ ...SETTINGS, folder, examples: await tinyExamples(1), makers: { cwm: MAKER, other: MAKER } });
    const browser = new Worker(new URL("./page_worker.ts", import.meta.url).href, { type: "module" });
    const heard = (): Promise<unknown> => new Promise((resolve) => browser.onmessage = ({ data }) => resolve(data));
    let next = heard();
    browser.postMessage({ origin: `http://127.0.0.1:${page.port}`, token: TOKEN });
    const { number, questions } = await page.next();
    assertEquals(questions.map(({ kind }) => kind), ["imagine"]);
    page.grow([{ rows: 1, pictures: [{ width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) }] }]);
    const end = performance.now() + 10_000;
    while (!page.isUnwanted(number) && performance.now() < end); // this thread does nothing else, as one in a model does
    assert(page.isUnwanted(number), "the request that was cancelled is not heard of");
    page.answer([{ error: "Cancelled." }]);
    assertEquals(await next, { state: 200, rows: 1 });
    next = heard();
    browser.postMessage("again");
    assertEquals((await page.next()).number, number + 1);
    page.answer([{ error: "Enough." }]);
    assertEquals(await next, { error: "Enough." });
    browser.terminate();
    page.close();
  }));

Deno.test("openPage() says in a sentence that a port is taken", () =>
  withFolder(async (folder) => {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const settings = { ...SETTINGS, folder, port: (taken.addr as Deno.NetAddr).port, examples: [], makers: { cwm: MAKER, other: MAKER } };
    await assertRejects(() => openPage(settings), UserError, "something listens there already; give another --serve.port");
  }));

Deno.test("openPage() says in a sentence that the trees' folder cannot be had, and asks for no other port", () =>
  withFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/trees`, "a file where the folder should be");
    const settings = { ...SETTINGS, folder, examples: [], makers: { cwm: MAKER, other: MAKER } };
    const { message } = await assertRejects(() => openPage(settings), UserError, `Cannot open ${folder}/trees: `);
    assert(!message.includes("--serve.port"), message);
  }));
