/**
 * A worker that measures the motion of one video after the other.
 *
 * @module
 */
import { measureMotion, type MotionOptions } from "./motion.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<{ readonly path: string; readonly options: MotionOptions }>) => void;
  postMessage(message: unknown): void;
};

scope.onmessage = async ({ data: { path, options } }) => {
  try {
    scope.postMessage({ samples: await measureMotion(path, options) });
  } catch (error) {
    scope.postMessage({ reason: (error as Error).message });
  }
};
