import project from "../../deno.json" with { type: "json" };
import { listen } from "../../lib/web/mod.ts";
import { assert, assertEquals, assertThrows, UserError } from "../support.ts";

const hello = () => new Response("hello");
const at = (hostname: string, port = 0) => ({ section: "serve", hostname, port });

Deno.test("listen() serves, also by a name, and says what to do where something listens already", async () => {
  const server = listen(at("localhost"), hello);
  const { port } = server.addr;
  assertEquals(await (await fetch(`http://localhost:${port}/`)).text(), "hello");
  const said =
    `Cannot serve the page on localhost:${port}: something listens there already; give another --serve.port, or 0 for any that is free`;
  const { message } = assertThrows(() => listen(at("localhost", port), hello), UserError);
  assertEquals(message, said);
  await server.shutdown();
});

Deno.test("listen() says what to do where the system refuses", () => {
  const real = Deno.serve;
  const cases: readonly (readonly [error: Error, said: string])[] = [
    [
      new Deno.errors.PermissionDenied("Permission denied (os error 13)"),
      "may not listen on this port, as on most below 1024; give another",
    ],
    [new Deno.errors.AddrNotAvailable("Cannot assign (os error 99)"), "Cannot assign (os error 99); give an address of this machine as --"],
    [new Error("failed to lookup address information"), "; give an address of this machine as --serve.hostname, or 0.0.0.0 for everywhere"],
  ];
  for (const [error, said] of cases) {
    Deno.serve = () => {
      throw error;
    };
    try {
      assertThrows(() => listen(at("far.example", 80), hello), UserError, said);
    } finally {
      Deno.serve = real;
    }
  }
});

Deno.test({
  name: "listen() names the permission where deno.json gives none",
  permissions: { net: ["127.0.0.1", "localhost", "0.0.0.0"] },
  fn() {
    const { message } = assertThrows(() => listen(at("192.168.0.7", 8001), hello), UserError);
    const hosts = "127.0.0.1, localhost and 0.0.0.0 (everywhere) alone; give one of these as --serve.hostname, ";
    assert(message.endsWith(`listen on ${hosts}or add 192.168.0.7 to this task's --allow-net there`), message);
    for (const task of ["serve", "human-eval"] as const) {
      assert(project.tasks[task].command.includes(" --allow-net=127.0.0.1,localhost,0.0.0.0 "), task);
    }
  },
});
