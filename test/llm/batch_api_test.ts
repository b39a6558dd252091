import { askBatch } from "../../lib/llm/batch_api.ts";
import { exists } from "../../lib/files.ts";
import { assert, assertEquals, assertRejects, withFolder } from "../support.ts";

const KEY = "sk-canary-batch-0123456789";

interface Line {
  readonly custom_id: string;
  readonly body: { readonly messages: readonly { readonly content: string }[] };
}

/** What a provider saw, and how it behaves. */
interface Provided {
  readonly files: string[];
  batches: number;
  looks: number;
  down: boolean;
  /** Batches by id and name, as its list gives them. */
  readonly created: { id: string; metadata: Record<string, string> }[];
  /** So many batches are made without a word of it: their answer is an error of this kind. */
  silent: number;
}

/** A provider that takes files and batches; a batch is ready at its second look. */
async function withProvider(
  outcome: (text: string) => unknown,
  body: (seen: Provided) => Promise<void>,
): Promise<void> {
  const seen: Provided = { files: [], batches: 0, looks: 0, down: false, created: [], silent: 0 };
  const outputs = new Map<string, string>();
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, async (request) => {
    const path = new URL(request.url).pathname.replace("/v1", "");
    if (seen.down) return new Response(`down ${KEY}`, { status: 400 });
    if (path === "/files") {
      const form = await request.formData();
      assertEquals(form.get("purpose"), "batch");
      seen.files.push(await (form.get("file") as File).text());
      return Response.json({ id: `file-${seen.files.length - 1}` });
    }
    if (path === "/batches" && request.method === "GET") return Response.json({ data: seen.created, has_more: false });
    if (path === "/batches") {
      const { input_file_id: file, endpoint, metadata } = await request.json();
      assertEquals(endpoint, "/v1/chat/completions");
      seen.batches++;
      seen.created.push({ id: file.replace("file", "batch"), metadata });
      if (seen.silent > 0) return new Response("oops", { status: seen.silent });
      return Response.json({ id: file.replace("file", "batch"), status: "validating" });
    }
    if (path.startsWith("/batches/")) {
      const id = path.split("-")[1]!;
      if (seen.looks++ === 0) return Response.json({ id, status: "in_progress" });
      const lines = seen.files[Number(id)]!.trim().split("\n").map((line) => JSON.parse(line) as Line);
      const answered = lines.flatMap(({ custom_id, body }) => outcome(body.messages[0]!.content) ?? [custom_id]).length;
      outputs.set(
        id,
        lines.toReversed().flatMap(({ custom_id, body }) => {
          const response = outcome(body.messages[0]!.content);
          return response === undefined ? [] : [JSON.stringify({ custom_id, response })];
        }).join("\n") + "\nno JSON\n",
      );
      return Response.json({ id, status: answered === lines.length ? "completed" : "expired", output_file_id: `out-${id}` });
    }
    return new Response(outputs.get(path.split("-")[1]!.split("/")[0]!));
  });
  Deno.env.set("OPENAI_BASE_URL", `http://127.0.0.1:${server.addr.port}/v1`);
  Deno.env.set("OPENAI_API_KEY", KEY);
  try {
    await body(seen);
  } finally {
    Deno.env.delete("OPENAI_BASE_URL");
    Deno.env.delete("OPENAI_API_KEY");
    await server.shutdown();
  }
}

const ask = (text: string) => ({ messages: [{ role: "user" as const, content: text }] });
const said = (content: string) => ({
  status_code: 200,
  body: {
    choices: [{ finish_reason: "stop", message: { role: "assistant", content } }],
    usage: { prompt_tokens: 7, completion_tokens: 3 },
  },
});

Deno.test("askBatch() gives answers in the questions' order, names what failed, and pays nothing twice", () =>
  withFolder(async (folder) => {
    const outcome = (text: string) => text === "lost" ? undefined : text === "bad" ? { status_code: 500, body: {} } : said(`${text}!`);
    await withProvider(outcome, async (seen) => {
      const options = { model: "m", cache: folder, ledger: `${folder}/batches.json`, interval: 0.01, fileLimit: 300 };
      const names = ["a", "bad", "b", "a", "lost", "c"];
      const answers = await askBatch(names.map(ask), options);
      assertEquals(answers.map((answer) => "text" in answer ? answer.text : answer.failure), [
        "a!",
        "the endpoint answered 500",
        "b!",
        "a!",
        "the batch ended without an answer",
        "c!",
      ]);
      assertEquals(seen.files.join("").trim().split("\n").length, 5); // "a" once
      assert(seen.batches > 1 && !exists(options.ledger), `${seen.batches}`);
      const [again] = await askBatch([ask("a")], options);
      assert("text" in again! && again.cached);
      assertEquals(seen.files.join("").trim().split("\n").length, 5);
      for (const file of Deno.readDirSync(`${folder}/answers`)) {
        assert(!Deno.readTextFileSync(`${folder}/answers/${file.name}`).includes(KEY));
      }
    });
  }));

Deno.test("askBatch() stopped while it waits collects what was submitted", () =>
  withFolder(async (folder) => {
    await withProvider(said, async (seen) => {
      const options = { model: "m", cache: folder, ledger: `${folder}/batches.json`, interval: 0.01 };
      const stopped = await assertRejects(
        () => askBatch(["a", "b"].map(ask), { ...options, onLook: () => void (seen.down = true) }),
        Error,
      );
      assert(
        stopped.message.includes("Cannot ask in a batch: the endpoint answered 400") && !stopped.message.includes(KEY),
        stopped.message,
      );
      assert(exists(options.ledger));
      seen.down = false;
      const answers = await askBatch(["a", "b"].map(ask), options);
      assertEquals(answers.map((answer) => "text" in answer && answer.text), ["a", "b"]);
      assertEquals([seen.files.length, seen.batches], [1, 1]);
    });
  }));

Deno.test("askBatch() finds a batch that was made without a word of it, and submits none twice", () =>
  withFolder(async (folder) => {
    for (const status of [500, 400]) { // busy, so it looks at once; or the task ends, and the next one looks
      await withProvider(said, async (seen) => {
        const options = { model: "m", cache: `${folder}/${status}`, ledger: `${folder}/${status}.json`, interval: 0.01 };
        seen.silent = status;
        const first = await askBatch(["a", "b"].map(ask), options).catch((error: Error) => error);
        seen.silent = 0;
        const answers = first instanceof Error ? await askBatch(["a", "b"].map(ask), options) : first;
        assertEquals(answers.map((answer) => "text" in answer && answer.text), ["a", "b"]);
        assertEquals([first instanceof Error, seen.batches], [status === 400, 1]);
      });
    }
  }));

Deno.test("askBatch() stopped between two batches sends the second, and only that", () =>
  withFolder(async (folder) => {
    await withProvider(said, async (seen) => {
      const options = { model: "m", cache: folder, ledger: `${folder}/batches.json`, interval: 0.01, fileLimit: 200 };
      await askBatch(["a"].map(ask), { ...options, onLook: () => void (seen.down = true) }).catch(() => {});
      seen.down = false;
      const answers = await askBatch(["a", "b"].map(ask), options);
      assertEquals(answers.map((answer) => "text" in answer && answer.text), ["a", "b"]);
      assertEquals([seen.batches, seen.files.join("").trim().split("\n").length], [2, 2]);
    });
  }));

Deno.test("askBatch() keeps answers to questions that are not among today's: a second round finds them", () =>
  withFolder(async (folder) => {
    await withProvider(said, async (seen) => {
      const options = { model: "m", cache: folder, ledger: `${folder}/batches.json`, interval: 0.01 };
      await askBatch(["second round"].map(ask), { ...options, onLook: () => void (seen.down = true) }).catch(() => {});
      seen.down = false;
      await askBatch(["first round"].map(ask), options);
      const [answer] = await askBatch(["second round"].map(ask), options);
      assertEquals([answer && "text" in answer && answer.text, seen.batches], ["second round", 2]);
    });
  }));

Deno.test("askBatch() makes a question that is made when it is asked only when its answer is not kept", () =>
  withFolder(async (folder) => {
    await withProvider(said, async (seen) => {
      const options = { model: "m", cache: folder, ledger: `${folder}/batches.json`, interval: 0.01 };
      let made = 0;
      const question = (name: string) => ({ content: { name }, make: () => Promise.resolve((made++, ask(name))) });
      for (const names of [["a", "b", "a"], ["b", "a"]]) {
        const answers = await askBatch(names.map(question), options);
        assertEquals(answers.map((answer) => "text" in answer && answer.text), names);
      }
      assertEquals([made, seen.batches], [2, 1]);
    });
  }));
