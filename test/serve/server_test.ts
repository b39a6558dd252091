/** The live page's requests, with models that answer at once or are held back. */
import { decodeImage } from "../../lib/tokens/mod.ts";
import { assert, assertEquals } from "../support.ts";
import { failEach } from "../faults/serve_failures.ts";
import { OTHER, plain, png, withServer } from "./light_server.ts";
import { TOKEN } from "./support.ts";

const linesOf = async (response: Response) => (await response.text()).trim().split("\n").map((line) => JSON.parse(line));
const refusal = async (response: Response) => [response.status, (await response.json()).error] as const;

/** The answer to a request that is sent as bytes and is never finished. */
async function rawAnswer(port: number, request: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(4096);
  let text = "";
  for (let size: number | null = 1; size && !/\r\n\r\n.+/.test(text);) {
    size = await connection.read(buffer);
    text += new TextDecoder().decode(buffer.subarray(0, size ?? 0));
  }
  return text;
}

Deno.test("the page: pictures come in, a question is told its place, its rows and its answer, and the tree keeps it", () =>
  withServer(async ({ ask, work, begin }) => {
    const state = await (await ask("/api/state")).json();
    assertEquals(state, { candidates: 2, rows: 2, side: 8, compares: false, examples: [{ title: "example 1", actions: ["open it"] }] });
    const tree = await begin();
    assertEquals((await (await ask(`/api/trees/${tree}/pictures`, { example: 0 })).json()).nodes[0], {
      id: 1,
      parent: null,
      title: "example 1",
    });
    const asked = ask(`/api/trees/${tree}/imagine`, { parent: 0, action: "  open\nit ", seed: 7 });
    assertEquals(await work(), [{ kind: "imagine", side: "cwm", action: "open it", seed: 7, source: { picture: plain(10) } }]);
    const lines = await linesOf(await asked);
    assertEquals([lines[0], lines[1]], [{ place: 0 }, { begun: true }]);
    const rows = lines.find((line) => line.rows);
    assertEquals([rows.rows, rows.pictures.map((text: string) => text.slice(0, 22))], [1, Array(2).fill("data:image/png;base64,")]);
    const [best] = lines.at(-1).nodes;
    assertEquals(best, { id: 2, parent: 0, title: "open it", drawn: { side: "cwm", seed: 7, candidate: 1, logLikelihood: -2 } });
    const again = ask(`/api/trees/${tree}/imagine`, { parent: 2, action: "close it", seed: 7 });
    const [question] = await work();
    assert(question!.kind === "imagine" && "codes" in question!.source, "it goes on in tokens");
    await (await again).body!.cancel();
    const { nodes } = await (await ask(`/api/trees/${tree}`)).json();
    assertEquals(nodes.slice(0, 4).map(({ id, parent }: { id: number; parent: number }) => [id, parent]), [[0, null], [1, null], [2, 0], [
      3,
      0,
    ]]);
    const said = ask(`/api/trees/${tree}/describe`, { before: 0, after: 2 });
    await work();
    assertEquals((await linesOf(await said)).at(-1), { action: "it was opened", logLikelihood: -0.5 });
    const kept = await (await ask(`/api/trees/${tree}/examples`, { before: 0, after: 2, action: "open it" })).json();
    assertEquals(kept.count, 1);
    const files = ["0.png", "2.png", "2.weights.png", "2.strip.png", "2.gif", "2.mp4", "tree.json"];
    const types = await Promise.all(files.map(async (name) => {
      const response = await ask(`/tree/${tree}/${name}`);
      assert((await response.bytes()).length > 60, name);
      return response.headers.get("content-type");
    }));
    const image = "image/png";
    assertEquals(types, [image, image, image, image, "image/gif", "video/mp4", "application/json"]);
    const clicks = await Promise.all([0, 1].map(() => ask(`/tree/${tree}/3.mp4`))); // at once
    const [one, two] = await Promise.all(clicks.map((response) => response.bytes()));
    assertEquals([clicks.map(({ status }) => status), one], [[200, 200], two]);
    const weights = await decodeImage(await (await ask(`/tree/${tree}/2.weights.png`)).bytes(), "weights");
    assertEquals(weights.width, 2); // a pixel a token
    assertEquals((await (await ask(`/tree/${tree}/tree.json`)).json()).nodes[2].drawn.codes, [1, 2, 3, 4]);
  }));

Deno.test("without the link's secret nothing is told and nothing is done", () =>
  withServer(async ({ ask, begin }) => {
    const tree = await begin();
    for (const authorization of ["", `Bearer ${"0".repeat(32)}`, `bearer ${TOKEN}`, `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]) {
      for (const path of ["/api/state", "/api/trees", `/api/trees/${tree}`, `/api/trees/${tree}/imagine`]) {
        const answer = await refusal(await ask(path, path === "/api/state" ? undefined : {}, { authorization }));
        assertEquals(answer, [401, "This link is not known: take the one that deno task serve printed."]);
      }
    }
  }));

Deno.test("no file outside a tree's pictures is served, whatever the path says", () =>
  withServer(async ({ port, folder, begin }) => {
    const tree = await begin();
    Deno.writeTextFileSync(`${folder}/secret.png`, "secret");
    Deno.writeTextFileSync(`${folder}/trees/${tree}/secret.png`, "secret");
    const paths = [
      ...["/../secret.png", "/secret.png", "/trees", `/tree/${tree}/../secret.png`, `/tree/${tree}/%2e%2e/secret.png`],
      ...[`/tree/${tree}/..%2fsecret.png`, `/tree/${tree}/secret.png`, `/tree/${tree}/0.png/../../secret.png`, `/tree/${tree}/tree.jsonl`],
      ...[`/tree/${tree}/-1.png`, `/tree/${tree}/0x0.png`, `/tree/${tree}/1.png%00`, `/tree/${tree}/99999.png`, `/tree/${tree}/5.gif`],
      ...[
        "/example/1.png",
        "/example/-1.png",
        "//etc/passwd",
        "/page/../server.ts",
        "/server.ts",
        "/token.txt",
        `/tree/${"0".repeat(32)}/0.png`,
      ],
      ...["/constructor", "/__proto__", "/api/trees/__proto__", `/api/trees/${tree}/constructor`],
    ];
    for (const path of paths) { // as bytes: fetch would tidy the paths up
      const text = await rawAnswer(port, `GET ${path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`);
      assert(/^HTTP\/1\.1 (404|405|400) /.test(text) && !text.includes("secret\n"), `${path}: ${text.slice(0, 200)}`);
    }
  }));

Deno.test("hostile bodies are refused in a sentence: no object, no action, no seed, other trees' pictures, SVG", () =>
  withServer(async ({ ask, begin }) => {
    const tree = await begin();
    const at = `/api/trees/${tree}`;
    const good = { parent: 0, action: "open it", seed: 1 };
    const cases: readonly (readonly [path: string, body: BodyInit | object, status: number, words: string])[] = [
      [`${at}/imagine`, "[1]", 400, "no JSON object"],
      [`${at}/imagine`, "x".repeat(5000), 413, "too large"],
      [`${at}/imagine`, { ...good, action: "" }, 400, "1 to 200 characters"],
      [`${at}/imagine`, { ...good, action: "\u0000\u001b" }, 400, "1 to 200 characters"],
      [`${at}/imagine`, { ...good, action: "x".repeat(201) }, 400, "1 to 200 characters"],
      [`${at}/imagine`, { ...good, action: { length: 3 } }, 400, "1 to 200 characters"],
      [`${at}/imagine`, { ...good, seed: -1 }, 400, "seed"],
      [`${at}/imagine`, { ...good, seed: 1e300 }, 400, "seed"],
      [`${at}/imagine`, { ...good, side: "other" }, 400, "no such world model"],
      [`${at}/imagine`, { ...good, side: "__proto__" }, 400, "no such world model"],
      [`${at}/imagine`, { ...good, parent: 1 }, 404, "no such picture"],
      [`${at}/imagine`, { ...good, parent: "length" }, 404, "no such picture"],
      [`${at}/describe`, { before: 0, after: "../0" }, 404, "no such picture"],
      [`${at}/examples`, { before: 0, after: 5, action: "x" }, 400, "no such picture"],
      [`${at}/pictures`, { example: "0" }, 404, "no such example"],
      [`${at}/pictures`, { example: 3 }, 404, "no such example"],
      [`${at}/pictures`, "<svg xmlns='http://www.w3.org/2000/svg'/>", 400, "none of PNG"],
      [`${at}/pictures`, png.slice(0, 50), 400, "damaged"],
      [`/api/trees/${"0".repeat(32)}/imagine`, good, 404, "no such tree"],
    ];
    for (const [path, body, status, words] of cases) {
      const [found, error] = await refusal(await ask(path, body));
      assertEquals([found, error.includes(words), error.split("\n").length], [status, true, 1], error);
    }
    assertEquals((await (await ask(at)).json()).nodes.length, 1);
  }));

Deno.test("a body of 2 GB is refused by its length before it is sent, and one without a length while it streams", () =>
  withServer(async ({ port, ask, begin }) => {
    const tree = await begin();
    const head = `POST /api/trees/${tree}/pictures HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${TOKEN}\r\n`;
    const text = await rawAnswer(port, `${head}content-length: ${2 ** 31}\r\n\r\nas it begins`);
    assert(text.startsWith("HTTP/1.1 413") && text.includes("at most 12582912 bytes are taken"), text);
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 2 ** 20;
        if (sent > 2 ** 31) controller.close();
        else controller.enqueue(new Uint8Array(2 ** 20));
      },
    });
    const outcome = await ask(`/api/trees/${tree}/pictures`, endless).then(refusal, () => [413, "the connection was closed"] as const);
    assertEquals(outcome[0], 413);
    assert(sent < 2 ** 27, `${sent} bytes were taken`);
    assertEquals((await (await ask(`/api/trees/${tree}`)).json()).nodes.length, 1);
  }));

Deno.test("who waits for four answers waits for one of them first; who asks too often is told when to come back", () =>
  withServer(async ({ ask, begin }) => {
    const tree = await begin();
    const waiting = Array.from({ length: 4 }, (_, seed) => ask(`/api/trees/${tree}/imagine`, { parent: 0, action: "open it", seed }));
    const streams = await Promise.all(waiting);
    assertEquals(await refusal(await ask(`/api/trees/${tree}/imagine`, { parent: 0, action: "open it", seed: 9 })), [
      429,
      "You wait for 4 answers already: wait for one of them, or cancel it.",
    ]);
    await Promise.all(streams.map((stream) => stream.body!.cancel()));
    const saved = await Promise.all(
      Array.from({ length: 40 }, () => ask(`/api/trees/${tree}/examples`, { before: 0, after: 0, action: "x" })),
    );
    const refused = saved.find(({ status }) => status === 429);
    for (const one of saved) if (one !== refused) await one.body!.cancel();
    assert((await refusal(refused!))[1].startsWith("That is too often: try again in "));
  }));

Deno.test("nobody fills the queue for others: one link has a third of it, and another's question is among the next", () =>
  withServer(async ({ ask, begin, work }) => {
    const streams: Response[] = [];
    let refused: Response | undefined;
    while (!refused) {
      const tree = await begin();
      for (let seed = 0; seed < 4 && !refused; seed++) {
        const answer = await ask(`/api/trees/${tree}/imagine`, { parent: 0, action: "much", seed });
        if (answer.status === 200) streams.push(answer);
        else refused = answer;
      }
    }
    assertEquals([streams.length, ...await refusal(refused)], [
      ...[67, 429, "67 questions by your link wait already: wait for some of them, or cancel them."],
    ]);
    const other = { authorization: `Bearer ${OTHER}` };
    const tree = await begin();
    streams.push(await ask(`/api/trees/${tree}/imagine`, { parent: 0, action: "little", seed: 1 }, other));
    assertEquals((await work()).map((one) => one.kind === "imagine" && one.action), ["much", "little", "much", "much"]);
    await Promise.all(streams.map((stream) => stream.body!.cancel()));
  }));

Deno.test("a question is taken back when its connection is closed, waiting or running, and leaves nothing", () =>
  withServer(async ({ ask, begin, work, unwanted }) => {
    const [mine, theirs] = [await begin(), await begin()];
    const question = (seed: number) => ({ parent: 0, action: "open it", seed });
    const first = await ask(`/api/trees/${mine}/imagine`, question(1));
    const second = await ask(`/api/trees/${theirs}/imagine`, question(2));
    await second.body!.cancel(); // while it waits
    await new Promise((done) => setTimeout(done, 50));
    const working = work();
    await first.body!.cancel(); // while it runs
    assertEquals((await working).length, 1);
    await new Promise((done) => setTimeout(done, 50));
    assertEquals(unwanted, [1]);
    for (const tree of [mine, theirs]) assertEquals((await (await ask(`/api/trees/${tree}`)).json()).nodes.length, 1);
    const later = ask(`/api/trees/${theirs}/imagine`, question(3));
    assertEquals((await work()).map((one) => one.kind === "imagine" && one.seed), [3]);
    assertEquals((await linesOf(await later)).at(-1).nodes.length, 2);
  }));

Deno.test("other methods are refused, and a disk that refuses is said without its paths", () =>
  withServer(async ({ port, ask, begin, work, folder }) => {
    const tree = await begin();
    for (
      const [method, path] of [["DELETE", `/api/trees/${tree}`], ["POST", "/"], ["PUT", "/page.js"], [
        "POST",
        `/tree/${tree}/0.png`,
      ]] as const
    ) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { authorization: `Bearer ${TOKEN}` } });
      assertEquals((await refusal(response))[0], 405);
    }
    const asked = ask(`/api/trees/${tree}/imagine`, { parent: 0, action: "open it", seed: 1 });
    const stream = await asked;
    Deno.removeSync(`${folder}/trees/${tree}`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/trees/${tree}`, "");
    const { error } = console;
    console.error = () => {};
    await work();
    const last = (await linesOf(stream)).at(-1);
    console.error = error;
    assertEquals(last, { error: "The answer could not be kept; the terminal of the server says why." });
    const next = await begin();
    Deno.removeSync(`${folder}/trees/${next}/pictures`, { recursive: true });
    Deno.writeTextFileSync(`${folder}/trees/${next}/pictures`, "");
    console.error = () => {};
    const answers = [await ask(`/api/trees/${next}/pictures`, png), await ask(`/tree/${next}/0.png`)];
    console.error = error;
    for (const answer of answers) assertEquals(await refusal(answer), [500, "The server made a mistake; its terminal says more."]);
  }));

Deno.test("on a disk that fails once, in writing or in reading, whoever asks is told in a sentence, and nothing that was kept is lost", async () => {
  for (const reads of [false, true]) {
    const { failed, told } = await failEach(reads, 9); // test/faults/serve_failures.ts tries all of them
    assert(failed > 5 && told > 5, `${told} of ${failed} told`);
  }
});
