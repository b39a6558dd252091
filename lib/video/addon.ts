/**
 * FFmpeg's libraries in the process, by node-av's addon.
 *
 * @module
 */

/** The addon's parts. */
export interface Addon {
  /** Demuxers, decoders, filters, encoders. */
  readonly api: typeof import("node-av/api");
  /** Frames, logs. */
  readonly lib: typeof import("node-av/lib");
  /** FFmpeg's constants. */
  readonly constants: typeof import("node-av/constants");
}

/** Loads the addon. It is large: names are variables, so that it is fetched only when it is used. */
export async function loadAddon(): Promise<Addon> {
  const names = ["node-av/api", "node-av/lib", "node-av/constants"];
  const [api, lib, constants] = await Promise.all(names.map((name) => import(name)));
  return { api, lib, constants };
}
