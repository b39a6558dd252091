import { EventEmitter } from "node:events";
import { withLastListener } from "../../lib/queue/transport.ts";
import { assert, assertThrows } from "../support.ts";

Deno.test("withLastListener() hears an error that comes after all listeners were taken off, which ends a process otherwise", () => {
  const reset = new Error("read ECONNRESET");
  const bare = new EventEmitter();
  bare.removeAllListeners();
  assertThrows(() => bare.emit("error", reset), Error, "ECONNRESET");
  const kept = withLastListener(new EventEmitter());
  kept.on("data", () => assert(false, "it was taken off"));
  kept.removeAllListeners();
  kept.emit("data");
  kept.emit("error", reset);
});
