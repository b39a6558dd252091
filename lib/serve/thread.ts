/**
 * The thread that answers the live page's requests.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { type Desk, openDesk } from "./desk.ts";
import type { FromPage, PageSettings, ToPage } from "./page.ts";
import { treeHandler } from "./server.ts";
import { openTrees } from "./trees.ts";

const scope = self as unknown as { onmessage: (event: MessageEvent<ToPage>) => void; postMessage(message: FromPage): void };

let desk: Desk;

function open(settings: PageSettings, unwanted: SharedArrayBuffer): void {
  const { folder, hostname, port, together } = settings;
  try {
    desk = openDesk(together, (batch) => Atomics.store(new Int32Array(unwanted), 0, batch));
    const served = { ...settings, desk, trees: openTrees(folder), examplesFolder: `${folder}/examples` };
    const server = Deno.serve({ hostname, port, onListen: () => {} }, treeHandler(served));
    scope.postMessage({ port: server.addr.port });
  } catch (error) {
    scope.postMessage({ refused: refusal(error, `${hostname}:${port}`) });
  }
}

function refusal(error: unknown, address: string): string {
  if (error instanceof UserError) return error.message;
  const why = error instanceof Deno.errors.AddrInUse ? "something listens there already" : (error as Error).message;
  return `Cannot serve the page on ${address}: ${why}; give another --serve.port, or 0 for any that is free`;
}

scope.onmessage = async ({ data }) => {
  if ("open" in data) open(data.open, data.unwanted);
  else if ("next" in data) scope.postMessage({ batch: await desk.next() });
  else if ("growth" in data) desk.grow(data.growth);
  else desk.answer(data.answers);
};
