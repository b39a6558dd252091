/**
 * What is made of a data set once it is there, so that the tasks read it.
 *
 * @module
 */
import type { Item } from "./catalogue.ts";

/** Makes something of a folder; gives a sentence on what came of it. */
export type Make = (folder: string, onShare: (share: number) => void) => Promise<string>;

/** What makes it. It needs decoders, which are loaded only for it. */
export async function makeOf(make: NonNullable<Item["make"]>): Promise<Make> {
  if (make === "something") return (await import("./something.ts")).makeSomething;
  return (await import("./magicbrush.ts")).makeMagicBrush;
}
