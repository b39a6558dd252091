import { askBatch } from "../../lib/llm/batch_api.ts";
import { exists } from "../../lib/files.ts";
import { assert, assertEquals, assertRejects, withFolder } from "../support.ts";

const KEY = "sk-canary-batch-0123456789";

interface Line {
  readonly custom_id: string;
  readonly body: { readonly messages: readonly { readonly content: string }[] };
}

/** A provider that takes files and batches; a batch is ready at its second look. */
async function withProvider(
  outcome: (text: string) => unknown,
  body: (seen: { files: string[]; batches: number; looks: number; down: boolean }) => Promise<void>,
): Promise<void> {
  const seen = { files: [] as string[], batches: 0, looks: 0, down: false };
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
    if (path === "/batches") {
      const { input_file_id: file, endpoint } = await request.json();
      assertEquals(endpoint, "/v1/chat/completions");
      seen.batches++;
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
