/**
 * Where libtensorflow lives on this machine.
 *
 * @module
 */

/** The TensorFlow release that the workbench is built against. */
export const TENSORFLOW_VERSION = "2.21.0";

/** The user's cache folder for Worldstrap, outside the repository. */
export function cacheFolder(): string {
  const { get } = Deno.env;
  const home = get.call(Deno.env, "HOME") ?? get.call(Deno.env, "USERPROFILE") ?? ".";
  const base = Deno.build.os === "darwin" ? `${home}/Library/Caches` : `${home}/.cache`;
  return `${Deno.env.get("XDG_CACHE_HOME") ?? base}/worldstrap`;
}

/** The folder that holds, or will hold, libtensorflow. `LIBTENSORFLOW_DIR` overrides it. */
export function libtensorflowFolder(): string {
  const given = Deno.env.get("LIBTENSORFLOW_DIR");
  if (given) return given;
  const kinds = ["gpu", "cpu"].map((kind) => `${cacheFolder()}/tensorflow-${TENSORFLOW_VERSION}-${kind}/tensorflow`);
  return kinds.find(exists) ?? kinds[1]!;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
