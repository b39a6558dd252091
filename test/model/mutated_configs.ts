/**
 * Configs with a character changed, for tests.
 *
 * @module
 */
import { randomInt, randomStream } from "../../lib/engine/mod.ts";
import { assert, UserError } from "../support.ts";

/** Checks that a config with one changed character is read or refused with a sentence, 2,000 times. */
export function readsOrRefuses(text: string, name: string, parse: (json: unknown) => void): void {
  const random = randomStream(name);
  for (let i = 0; i < 2000; i++) {
    const at = randomInt(random, text.length);
    const mutated = text.slice(0, at) + '0129-"x{}[],'[randomInt(random, 12)] + text.slice(at + 1);
    let json: unknown;
    try {
      json = JSON.parse(mutated);
    } catch {
      continue; // readJson() refuses it
    }
    try {
      parse(json);
    } catch (error) {
      assert(error instanceof UserError, String(error));
    }
  }
}
