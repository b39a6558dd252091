import { answerOf, failureOf, REFUSED_KEY } from "../../lib/llm/endpoint.ts";
import { assert, assertEquals } from "../support.ts";

type Body = Parameters<typeof answerOf>[0];

/** A chat completion's body, as the API documents it, with a change. */
function body(choice: object): Body {
  const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
  const message = { role: "assistant", content: "Close it.", refusal: null };
  return { choices: [{ index: 0, finish_reason: "stop", logprobs: null, message, ...choice }], usage } as unknown as Body;
}

Deno.test("answerOf() gives the text and what it took", () => {
  assertEquals(answerOf(body({})), { text: "Close it.", usage: { prompt: 7, completion: 3 }, cached: false });
  assertEquals(answerOf({ choices: body({}).choices! }).usage, { prompt: 0, completion: 0 });
});

Deno.test("answerOf() says why there is no answer, and what it took all the same", () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ message: { content: null, refusal: "I cannot" } }, "the model refused"],
    [{ finish_reason: "content_filter" }, "the model refused"],
    [{ finish_reason: "length" }, "the answer was cut off"],
    [{ message: { content: " \n" } }, "the answer was empty"],
    [{ message: { content: [{ type: "text" }] } }, "the answer was empty"],
    [{ message: undefined }, "the answer was empty"],
  ];
  for (const [choice, failure] of cases) assertEquals(answerOf(body(choice)), { failure, usage: { prompt: 7, completion: 3 } });
  for (const none of [{}, { choices: [] }]) {
    assertEquals(answerOf(none), { failure: "the answer was empty", usage: { prompt: 0, completion: 0 } });
  }
});

Deno.test("failureOf() says what happened in our own words, and repeats nothing that may hold a key", () => {
  const secret = "sk-canary";
  const status = (code: number) => Object.assign(new Error(`Incorrect API key provided: ${secret}`), { status: code });
  const named = (name: string, message: string) => Object.assign(new Error(message), { name });
  const cases: readonly (readonly [unknown, string])[] = [
    [status(401), REFUSED_KEY],
    [status(403), REFUSED_KEY],
    [status(429), "the endpoint was busy (429) at every attempt"],
    [status(500), "the endpoint answered 500"],
    [new SyntaxError(`Unexpected token ${secret}`), "the endpoint's answer was no JSON"],
    [named("APIConnectionTimeoutError", "Request timed out."), "the endpoint was too slow"],
    [named("TimeoutError", secret), "the endpoint was too slow"],
    [named("APIConnectionError", `Connection error. ${secret}`), "the endpoint could not be reached"],
  ];
  for (const [error, said] of cases) {
    assertEquals(failureOf(error), said);
    assert(!failureOf(error).includes(secret));
  }
});
