/**
 * A server for tests.
 *
 * @module
 */
import { exists } from "../../lib/files.ts";
import { serverPath, startServer } from "../../lib/queue/server.ts";
import { withFolder } from "../support.ts";

/** Whether a test of the queue must be left out. */
export const NO_SERVER: boolean = !exists(serverPath());
if (NO_SERVER) console.warn('skipped: nats-server is not installed, "deno task setup --queue" does');

/** Runs with a server on a free port and a folder, both gone after. */
export async function withServer(body: (address: string, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const { process, address } = await startServer("127.0.0.1:-1", `${folder}/store`);
    try {
      await body(address, folder);
    } finally {
      process.kill();
      await process.status;
    }
  });
}
