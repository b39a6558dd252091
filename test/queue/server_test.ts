import { exists } from "../../lib/files.ts";
import { connectQueue } from "../../lib/queue/jetstream.ts";
import { describeServer, serverPath, startServer } from "../../lib/queue/server.ts";
import { assert, assertRejects, UserError, withFolder } from "../support.ts";
import { NO_SERVER } from "./support.ts";

Deno.test("describeServer() says where the server is, or goes", () => assert(describeServer().includes(serverPath())));

Deno.test({
  name: "startServer() listens beyond this machine with a token alone, which workers need too and no file holds",
  ignore: NO_SERVER,
  fn: () =>
    withFolder(async (folder) => {
      await assertRejects(() => startServer("0.0.0.0:-1", folder), UserError, "set NATS_TOKEN in the environment");
      Deno.env.set("NATS_TOKEN", "a-secret");
      const { process, address } = await startServer("127.0.0.1:-1", folder);
      try {
        await (await connectQueue(address)).close();
        Deno.env.set("NATS_TOKEN", "another");
        await assertRejects(() => connectQueue(address), UserError, `Cannot reach a queue at ${address}`);
        assert(
          ![...Deno.readDirSync(folder)].some(({ name, isFile }) =>
            isFile && Deno.readTextFileSync(`${folder}/${name}`).includes("a-secret")
          ),
        );
      } finally {
        Deno.env.delete("NATS_TOKEN");
        process.kill();
        await process.status;
      }
    }),
});

Deno.test({
  name: "startServer() says in one sentence why the server does not start",
  ignore: NO_SERVER,
  fn: () =>
    withFolder(async (folder) => {
      using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = taken.addr as Deno.NetAddr;
      await assertRejects(() => startServer(`127.0.0.1:${port}`, folder), UserError, "address already in use");
      assert(exists(`${folder}/server.log`));
    }),
});
