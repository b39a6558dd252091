import { mirrored, openClient, requestText, shown } from "../../lib/fetch/request.ts";
import { assert, assertEquals, assertRejects, assertThrows, UserError } from "../support.ts";
import { withServer } from "./server.ts";

/** Runs with variables of the environment. */
function withEnvironment(values: Readonly<Record<string, string>>, body: () => void): void {
  for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
  try {
    body();
  } finally {
    for (const name of Object.keys(values)) Deno.env.delete(name);
  }
}

Deno.test("openClient() takes Hugging Face, HF_ENDPOINT over it, --mirror over that, and the token of HF_TOKEN", () => {
  const isClean = ["HF_ENDPOINT", "HF_TOKEN"].every((name) => Deno.env.get(name) === undefined);
  if (!isClean) return; // another's settings are not changed
  assertEquals([openClient().endpoint, openClient().token, openClient().mirror], ["https://huggingface.co", undefined, undefined]);
  withEnvironment({ HF_ENDPOINT: "https://hub.example/", HF_TOKEN: " hf_canary\n" }, () => {
    assertEquals([openClient().endpoint, openClient().token], ["https://hub.example", "hf_canary"]);
    const { endpoint, mirror } = openClient("http://mirror.example/all/");
    assertEquals([endpoint, mirror], ["http://mirror.example/all", "http://mirror.example/all"]);
  });
  withEnvironment({ HF_ENDPOINT: "" }, () => assertEquals(openClient().endpoint, "https://huggingface.co"));
  withEnvironment({ HF_ENDPOINT: "hub" }, () => {
    assertThrows(() => openClient(), UserError, 'Cannot fetch from HF_ENDPOINT "hub"');
  });
});

Deno.test("mirrored() finds other addresses below the mirror; shown() leaves queries out, which may hold signatures", () => {
  const client = { endpoint: "http://m/x", mirror: "http://m/x", pause: 1, attempts: 1, stall: 1 };
  assertEquals(mirrored("https://zenodo.org/a/b?c=1", client), "http://m/x/zenodo.org/a/b?c=1");
  const { mirror: _, ...direct } = client;
  assertEquals(mirrored("https://zenodo.org/a", direct), "https://zenodo.org/a");
  assertEquals(shown("https://cdn.example/a?Signature=secret#x"), "https://cdn.example/a");
});

Deno.test("requestText() takes no more than it may, and says that a host cannot be reached", async () => {
  const client = (endpoint: string) => ({ endpoint, pause: 1, attempts: 2, stall: 2000 });
  await withServer(() => ({ body: "x".repeat(5000) }), async (address) => {
    assertEquals((await requestText(address, client(address))).text.length, 5000);
    await assertRejects(() => requestText(address, client(address), 100), UserError, "it has more than 100 bytes");
  });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const gone = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const { message } = await assertRejects(() => requestText(gone, client(gone)), UserError) as UserError;
  assert(/cannot be reached \(connection refused\), 2 times in a row: try again later/.test(message), message);
});
