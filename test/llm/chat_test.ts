import { askAll, NOT_ASKED } from "../../lib/llm/chat.ts";
import { contradictActions, contraryOf } from "../../lib/probe/contradict.ts";
import type { Trajectory } from "../../lib/trajectories/mod.ts";
import { fileObservation } from "../../lib/trajectories/aurora.ts";
import { assert, assertEquals, assertRejects, UserError, withFolder } from "../support.ts";

const KEY = "sk-canary-0123456789";

/** A server that answers by the question's text, and counts what it is asked. */
async function withServer(
  reply: (text: string, attempt: number) => Response | Promise<Response>,
  body: (asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const { messages } = await request.json();
    const text = messages[0].content as string;
    asked.push(text);
    return reply(text, asked.filter((other) => other === text).length);
  });
  Deno.env.set("OPENAI_BASE_URL", `http://127.0.0.1:${server.addr.port}/v1`);
  Deno.env.set("OPENAI_API_KEY", KEY);
  try {
    await body(asked);
  } finally {
    Deno.env.delete("OPENAI_BASE_URL");
    Deno.env.delete("OPENAI_API_KEY");
    await server.shutdown();
  }
}

const said = (content: string | null, more: object = {}, finish = "stop") =>
  Response.json({
    choices: [{ index: 0, finish_reason: finish, message: { role: "assistant", content, ...more } }],
    usage: { prompt_tokens: 7, completion_tokens: 3 },
  });
const ask = (text: string) => ({ messages: [{ role: "user" as const, content: text }] });

Deno.test("askAll() tries busy endpoints again, names what failed, asks nothing twice, and repeats no key", () =>
  withFolder(async (cache) => {
    const options = { model: "m", cache, retries: 1, timeout: 0.5, concurrency: 2 };
    const late = new AbortController();
    const replies: Record<string, (attempt: number) => Response | Promise<Response>> = {
      fine: () => said("yes"),
      busy: (attempt) => attempt === 1 ? new Response("slow down", { status: 429, headers: { "retry-after-ms": "1" } }) : said("later"),
      always: () => new Response("slow down", { status: 429, headers: { "retry-after-ms": "1" } }),
      broken: () => new Response(`oops ${KEY}`, { status: 500, headers: { "retry-after-ms": "1" } }),
      half: () => new Response('{"choices": [', { headers: { "content-type": "application/json" } }),
      empty: () => said(""),
      nothing: () => Response.json({}),
      refuses: () => said(null, { refusal: "no" }),
      long: () => said("and then", {}, "length"),
      slow: () => new Promise((done) => late.signal.addEventListener("abort", () => done(said("late")))),
    };
    await withServer((text, attempt) => replies[text]!(attempt), async (asked) => {
      const names = Object.keys(replies);
      const answers = await askAll(names.map(ask), options);
      late.abort();
      const outcome = Object.fromEntries(answers.map((answer, i) => [names[i], "text" in answer ? answer.text : answer.failure]));
      assertEquals(outcome, {
        fine: "yes",
        busy: "later",
        always: "the endpoint was busy (429) at every attempt",
        broken: "the endpoint answered 500",
        half: "the endpoint's answer was no JSON",
        empty: "the answer was empty",
        nothing: "the answer was empty",
        refuses: "the model refused",
        long: "the answer was cut off",
        slow: "the endpoint was too slow",
      });
      assertEquals(asked.filter((text) => text === "always").length, 2);
      assert(!JSON.stringify(answers).includes(KEY));
      const before = asked.length;
      const [again] = await askAll([ask("fine")], options);
      assertEquals([again, asked.length], [{ text: "yes", usage: { prompt: 7, completion: 3 }, cached: true }, before]);
    });
  }));

Deno.test("askAll() stops at a refused key and when it is told to, and says so without a key", () =>
  withFolder(async (cache) => {
    await withServer(() => new Response(`bad key ${KEY}`, { status: 401 }), async (asked) => {
      const answers = await askAll(["a", "b", "c"].map(ask), { model: "m", cache, concurrency: 1 });
      assertEquals(answers.map((answer) => "failure" in answer && answer.failure), [
        "the endpoint refused the key (401 or 403)",
        NOT_ASKED,
        NOT_ASKED,
      ]);
      assertEquals(asked.length, 1);
    });
    await withServer(() => said("yes"), async (asked) => {
      await askAll(["a", "b", "c"].map(ask), { model: "m", cache, concurrency: 1, onAnswer: (done) => done < 2 });
      assertEquals(asked.length, 2);
    });
    await assertRejects(() => askAll([ask("a")], { model: "m", cache }), Error, "OPENAI_API_KEY is not set");
  }));

Deno.test("askAll() ends with the disk's own sentence when an answer cannot be kept, and pays for no more than are in flight", () =>
  withFolder(async (cache) => {
    Deno.writeTextFileSync(`${cache}/answers`, "a file where the folder should be");
    await withServer(() => said("yes"), async (asked) => {
      const questions = ["a", "b", "c", "d", "e", "f"].map(ask);
      await assertRejects(() => askAll(questions, { model: "m", cache, concurrency: 2 }), UserError, `Cannot write ${cache}/answers/`);
      assert(asked.length <= 2, `${asked.length} were asked`);
    });
  }));

Deno.test("askAll() says that an endpoint is down", () =>
  withFolder(async (cache) => {
    Deno.env.set("OPENAI_API_KEY", KEY);
    Deno.env.set("OPENAI_BASE_URL", "http://127.0.0.1:9/v1");
    const [answer] = await askAll([ask("a")], { model: "m", cache, retries: 0 });
    assertEquals(answer, { failure: "the endpoint could not be reached" });
    Deno.env.delete("OPENAI_API_KEY");
    Deno.env.delete("OPENAI_BASE_URL");
  }));

Deno.test("contraryOf() takes one other sentence, and nothing that is none", () => {
  const usage = { prompt: 0, completion: 0 };
  const cases: [answer: string, expected: string][] = [
    ["Make her open the door", "Make her open the door"],
    ['"Make her open the door."\n', "Make her open the door."],
    ["Action: open it", "open it"],
    ["make her close the door!", "the model left the action unchanged"],
    ["I'm sorry, I can't do that", "the model refused"],
    ["I cannot help with this", "the model refused"],
    ["Sure!\n\nMake her open the door", "the answer is no single sentence"],
    ["word ".repeat(50), "the answer is no single sentence"],
    ["…", "the answer holds no words"],
  ];
  for (const [text, expected] of cases) {
    const { contrary, reason } = contraryOf("Make her close the door", { text, usage, cached: false });
    assertEquals(contrary ?? reason, expected);
  }
  assertEquals(contraryOf("a", { failure: "the endpoint answered 500" }), { reason: "the endpoint answered 500" });
});

Deno.test("contradictActions() asks for each sentence once and leaves out what it does not get", () =>
  withFolder(async (cache) => {
    const image = fileObservation("none.png");
    const of = (id: string, action: string): Trajectory => ({ id, subset: "ag", source: image, action, target: image });
    const trajectories = [of("1", "open it"), of("2", "open it"), of("3", "shut $& it")];
    await withServer((text) => said(text === "contradict open it" ? "close it" : text.slice(11)), async (asked) => {
      const { actions, problems } = await contradictActions(trajectories, "contradict {action}", { model: "m", cache });
      assertEquals(asked.sort(), ["contradict open it", "contradict shut $& it"]);
      assertEquals([...actions], [["1", "close it"], ["2", "close it"]]);
      assertEquals(problems, [{ id: "3", reason: "no counterfactual: the model left the action unchanged" }]);
    });
  }));
