/**
 * Measuring the motion of several videos at once, a worker a core.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import type { MotionOptions, MotionSample } from "./motion.ts";

/** Workers that measure motion. */
export interface MotionPool {
  /** The moments of a video, as `measureMotion()` gives them; queued when all workers are busy. */
  measure(path: string, options: MotionOptions): Promise<MotionSample[]>;
  /** Ends the workers. */
  close(): void;
}

type Reply = { readonly samples: MotionSample[] } | { readonly reason: string };

/**
 * Opens a pool.
 *
 * @param size workers; by default one a core
 * @returns the pool; close it when done
 *
 * @example Two workers
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const pool = ws.video.openMotionPool(2);
 * pool.close();
 * assert(typeof pool.measure === "function");
 * ```
 */
export function openMotionPool(size = navigator.hardwareConcurrency): MotionPool {
  const workers = Array.from({ length: size }, () => new Worker(new URL("./motion_worker.ts", import.meta.url).href, { type: "module" }));
  const idle = [...workers];
  const waiting: ((worker: Worker) => void)[] = [];
  const take = () => idle.length > 0 ? Promise.resolve(idle.pop()!) : new Promise<Worker>((ready) => waiting.push(ready));
  return {
    async measure(path, options) {
      const worker = await take();
      const reply = await new Promise<Reply>((done) => {
        worker.onmessage = ({ data }) => done(data as Reply);
        worker.onerror = (event) => {
          event.preventDefault();
          done({ reason: event.message });
        };
        worker.postMessage({ path, options });
      });
      const next = waiting.shift();
      if (next) next(worker);
      else idle.push(worker);
      if ("reason" in reply) throw new UserError(reply.reason);
      return reply.samples;
    },
    close: () => workers.forEach((worker) => worker.terminate()),
  };
}
