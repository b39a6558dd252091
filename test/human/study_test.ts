import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import {
  createStudy,
  joinStudy,
  openStudy,
  participantOf,
  pictureOf,
  readVotes,
  type Screen,
  screenOf,
  storeVote,
  studyHandler,
} from "../../lib/human/mod.ts";
import { randomToken } from "../../lib/web/mod.ts";
import { assert, assertEquals, assertThrows, UserError, withFolder } from "../support.ts";

const SUBSETS = ["magicbrush", "ag", "something", "whatsup", "kubric"];
const SYSTEMS = ["got", "smartedit", "cft", "cwm"];
const ITEMS = SUBSETS.flatMap((subset) =>
  Array.from({ length: 8 }, (_, i) => ({ id: `${subset}-${i}`, subset, action: `<b>do ${i}</b>` }))
);

function begin(folder: string, participants: number): { study: DatabaseSync; invites: string[] } {
  const invites = Array.from({ length: participants }, randomToken);
  return {
    study: createStudy(`${folder}/study.db`, { systems: SYSTEMS, items: ITEMS, invites, perSubset: 5, seed: 1, pictures: "p" }),
    invites,
  };
}

const itemOf = (screen: Screen) => screen as Extract<Screen, { screen: "item" }>;
const systemOf = (study: DatabaseSync, token: string) => pictureOf(study, token)!.system;

Deno.test("a study: every item has the same number of raters, every system stands in every place equally often", () =>
  withFolder((folder) => {
    const { study, invites } = begin(folder, 32);
    const places = new Map<string, number>();
    const raters = new Map<string, number>();
    for (const invite of invites) {
      const code = joinStudy(study, invite);
      const subsets = new Map<string, number>();
      for (let n = 1; n <= 25; n++) {
        const { number, total, item, choices, source } = itemOf(screenOf(study, code));
        assertEquals([number, total, choices.length, pictureOf(study, source)!.system], [n, 25, 4, ""]);
        choices.forEach((token, place) =>
          places.set(`${systemOf(study, token)} ${place}`, (places.get(`${systemOf(study, token)} ${place}`) ?? 0) + 1)
        );
        const { trajectory } = pictureOf(study, source)!;
        raters.set(trajectory, (raters.get(trajectory) ?? 0) + 1);
        subsets.set(trajectory.split("-")[0]!, (subsets.get(trajectory.split("-")[0]!) ?? 0) + 1);
        assertEquals(storeVote(study, code, { item, best: choices[0]!, worst: choices[1]! }), "stored");
      }
      assertEquals([...subsets.values()], [5, 5, 5, 5, 5]);
      assertEquals(screenOf(study, code).screen, "done");
    }
    assertEquals([raters.size, new Set(raters.values())], [40, new Set([20])]); // 32 · 25 = 40 · 20
    assertEquals(new Set(places.values()), new Set([32 * 25 / 4]));
    study.close();
  }));

Deno.test("createStudy() goes on with its own file, refuses another study's, and too little", () =>
  withFolder((folder) => {
    const { study, invites } = begin(folder, 1);
    const code = joinStudy(study, invites[0]!);
    study.close();
    const again = createStudy(`${folder}/study.db`, { systems: SYSTEMS, items: ITEMS, invites: [], perSubset: 5, seed: 1, pictures: "p" });
    assertEquals(joinStudy(again, invites[0]!), code);
    again.close();
    const other = { systems: ["a", "b"], items: ITEMS, invites: ["f".repeat(32)], perSubset: 5, seed: 1, pictures: "p" };
    assertThrows(() => createStudy(`${folder}/study.db`, other), UserError, "it holds a study of other systems, items or pictures");
    const untouched = openStudy(`${folder}/study.db`);
    assertEquals(participantOf(untouched, "f".repeat(32)), undefined); // the refused one's invite opens nothing
    untouched.close();
    assertThrows(() => createStudy(`${folder}/no.db`, { ...other, systems: ["a"] }), Error, "fewer than two systems");
    assertThrows(() => createStudy(`${folder}/no.db`, { ...other, items: [] }), Error, "no trajectory has a picture of every system");
    const bytes = new TextDecoder("latin1").decode(Deno.readFileSync(`${folder}/study.db`));
    assert(!bytes.includes(invites[0]!), "the file holds an invite's secret");
  }));

Deno.test("createStudy() takes no votes on other pictures; one that was begun when studies did not know theirs goes on with those of now", () =>
  withFolder((folder) => {
    const path = `${folder}/study.db`;
    const { study, invites } = begin(folder, 1);
    const code = joinStudy(study, invites[0]!);
    study.close();
    const options = { systems: SYSTEMS, items: ITEMS, invites: [], perSubset: 5, seed: 1 };
    const refused = () =>
      assertThrows(() => createStudy(path, { ...options, pictures: "others" }), UserError, "other systems, items or pictures");
    refused();
    const { invites: _, ...before } = options; // what such a study was known by
    const old = openStudy(path);
    old.prepare("UPDATE study SET digest = ?").run(createHash("sha256").update(JSON.stringify(before)).digest("hex"));
    old.close();
    for (let start = 0; start < 2; start++) {
      const again = createStudy(path, { ...options, pictures: "p" });
      assertEquals(participantOf(again, invites[0]!), code);
      again.close();
    }
    refused();
  }));

Deno.test("two servers on one file give one participant a link, and take one vote an item", () =>
  withFolder((folder) => {
    const { study, invites } = begin(folder, 3);
    const other = openStudy(`${folder}/study.db`);
    const codes = invites.map((invite, i) => joinStudy(i % 2 ? study : other, invite));
    assertEquals(invites.map((invite, i) => joinStudy(i % 2 ? other : study, invite)), codes);
    const { item, choices: [best, worst] } = itemOf(screenOf(study, codes[0]!));
    assertEquals(storeVote(other, codes[0]!, { item, best: best!, worst: worst! }), "stored");
    assertEquals(storeVote(study, codes[0]!, { item, best: best!, worst: worst! }), "stored before");
    assertEquals(storeVote(study, codes[0]!, { item, best: worst!, worst: best! }), "answered otherwise");
    assertEquals([readVotes(study).length, itemOf(screenOf(other, codes[0]!)).number], [1, 2]);
    study.close();
    other.close();
  }));

Deno.test("studyHandler() takes what is right once, and answers everything else with a clear status", () =>
  withFolder(async (folder) => {
    const { study, invites } = begin(folder, 2);
    const handle = studyHandler(study, (trajectory, system) => Promise.resolve(new TextEncoder().encode(`${trajectory} ${system}`)));
    const call = async (method: string, path: string, secret: string, body?: unknown) => {
      const response = await handle(
        new Request(`http://127.0.0.1${path}`, {
          method,
          headers: { authorization: `Bearer ${secret}` },
          body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
        }),
      );
      return { status: response.status, headers: response.headers, ...JSON.parse((await response.text()) || "{}") };
    };
    const [mine, yours] = invites as [string, string];
    assertEquals((await call("GET", "/api/screen", "00000000000000000000000000000000")).status, 401);
    assertEquals((await call("GET", "/api/screen", "")).status, 401);
    assertEquals((await call("GET", "/api/screen", mine)).screen, "welcome");
    assertEquals((await call("POST", "/api/vote", mine, { item: "a", best: "b", worst: "c" })).status, 403);
    assertEquals((await call("POST", "/api/join", mine, { consent: false })).status, 403);
    const first = await call("POST", "/api/join", mine, { consent: true });
    assertEquals([first.status, first.screen, first.number], [200, "item", 1]);
    assertEquals((await call("POST", "/api/join", mine, { consent: true })).item, first.item); // joining twice is joining once
    const other = await call("POST", "/api/join", yours, { consent: true });

    const [best, worst] = first.choices;
    const vote = (change: object, secret = mine) => call("POST", "/api/vote", secret, { item: first.item, best, worst, ...change });
    assertEquals((await vote({ item: "f".repeat(32) })).status, 404);
    assertEquals((await vote({}, yours)).status, 404); // an item of somebody else's
    assertEquals((await vote({ best: other.choices[0] })).status, 400);
    assertEquals((await vote({ best: first.source })).status, 400); // the source is no choice
    assertEquals((await vote({ best: worst })).status, 400);
    assertEquals((await vote({ best: 1 })).status, 400);
    assertEquals(readVotes(study).length, 0);
    assertEquals((await vote({})).number, 2);
    assertEquals((await vote({})).status, 200); // sent again
    const stale = await vote({ best: worst, worst: best });
    assertEquals([stale.status, stale.number, readVotes(study).length], [409, 2, 1]);

    assertEquals((await call("POST", "/api/vote", mine, "no JSON")).status, 400);
    assertEquals((await call("POST", "/api/vote", mine, "[]")).status, 400);
    assertEquals((await call("POST", "/api/vote", mine, "null")).status, 400);
    let sent = 0;
    const endless = new ReadableStream({
      pull: (stream) => sent++ < 1600 ? stream.enqueue(new Uint8Array(65536)) : stream.close(),
    });
    const large = await handle(
      new Request("http://127.0.0.1/api/vote", { method: "POST", headers: { authorization: `Bearer ${mine}` }, body: endless }),
    );
    assert(large.status === 413 && sent < 10, `${sent} pieces of a body of 100 MB were read`);
    for (
      const path of ["/../deno.json", "/image/../../deno.json", "/%2e%2e/deno.json", "/page.js/../../study.ts", "/image/zz", "/study.db"]
    ) {
      assertEquals((await call("GET", path, mine)).status, 404, path);
    }
    assertEquals((await call("GET", `/image/${"0".repeat(32)}`, mine)).status, 404);
    assertEquals((await call("DELETE", "/api/vote", mine)).status, 405);
    assertEquals((await call("POST", "/", mine, {})).status, 405);
    const image = await handle(new Request(`http://127.0.0.1/image/${first.source}`));
    assert((await image.text()).endsWith(" ") && image.headers.get("x-content-type-options") === "nosniff");
    study.close();
  }));

Deno.test("studyHandler() on a disk that is full refuses in a sentence, keeps every vote that it took, and goes on once there is room", () =>
  withFolder(async (folder) => {
    const { study, invites } = begin(folder, 6);
    const handle = studyHandler(study, () => Promise.reject(new Error(`${folder} is gone`)));
    const call = async (path: string, secret: string, body?: object) => {
      const headers = { authorization: `Bearer ${secret}` };
      const sent = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
      const response = await handle(new Request(`http://127.0.0.1${path}`, sent));
      return { status: response.status, ...await response.json() };
    };
    const room = (pages: number) => study.exec(`PRAGMA max_page_count = ${pages}`);
    const [late, ...early] = invites as [string, ...string[]];
    const { source } = (await Promise.all(early.map((secret) => call("/api/join", secret, { consent: true }))))[0];
    assertEquals((await call(`/image/${source}`, early[0]!)).error, "The server cannot do this now: try again in a minute.");
    room(1); // the least that SQLite takes: as many pages as there are
    const full = await call("/api/join", late, { consent: true });
    assertEquals([full.status, full.error], [500, "The server cannot do this now: try again in a minute."]);
    let [kept, refused] = [0, 0];
    for (const secret of early) {
      for (let state = await call("/api/screen", secret); state.screen === "item"; state = await call("/api/screen", secret)) {
        const answer = await call("/api/vote", secret, { item: state.item, best: state.choices[0], worst: state.choices[1] });
        if (answer.status === 200) kept++;
        else {
          refused++;
          assertEquals([answer.status, readVotes(study).length], [500, kept]);
          room(1000);
        }
      }
    }
    assertEquals([kept, readVotes(study).length, refused], [125, 125, 1]); // the first pages of votes had room for some
    assertEquals((await call("/api/join", late, { consent: true })).screen, "item");
    study.close();
  }));

Deno.test("openStudy() and createStudy() say in a sentence that a file is no study's; one that a failed start left empty is begun anew", () =>
  withFolder((folder) => {
    const options = { systems: SYSTEMS, items: ITEMS, invites: [], perSubset: 5, seed: 1, pictures: "p" };
    Deno.writeTextFileSync(`${folder}/empty.db`, "");
    assertThrows(() => openStudy(`${folder}/empty.db`), UserError, "it holds no study yet; run human-eval serve first");
    createStudy(`${folder}/empty.db`, options).close();
    openStudy(`${folder}/empty.db`).close();
    Deno.writeTextFileSync(`${folder}/noise.db`, "no database ".repeat(500));
    Deno.mkdirSync(`${folder}/folder.db`);
    for (const path of [`${folder}/noise.db`, `${folder}/folder.db`, `${folder}/none/study.db`]) {
      assertThrows(() => openStudy(path), UserError, `Cannot use ${path} as a study's file (`);
      assertThrows(() => createStudy(path, options), UserError, `Cannot use ${path} as a study's file (`);
    }
  }));
