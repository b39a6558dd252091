/**
 * The thread that answers the live page's requests.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { listen } from "../web/mod.ts";
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
    const server = listen({ section: "serve", hostname, port }, treeHandler(served));
    scope.postMessage({ port: server.addr.port });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    scope.postMessage({ refused: error.message });
  }
}

scope.onmessage = async ({ data }) => {
  if ("open" in data) open(data.open, data.unwanted);
  else if ("next" in data) scope.postMessage({ batch: await desk.next() });
  else if ("growth" in data) desk.grow(data.growth);
  else desk.answer(data.answers);
};
