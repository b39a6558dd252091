/**
 * What keys of the configuration take, in words, read from the schema: what a message says was wanted.
 *
 * @module
 */
import { z } from "zod";
import { CONFIG } from "./schema.ts";

/** What a name is made of: names become folders and files. */
export const NAME = "a name of letters, digits, _, . and -";

type Schema = z.core.JSONSchema.BaseSchema;

/**
 * What a key takes.
 *
 * @param path the key's parts; below a list, an item's number
 * @returns as it follows "give": "a whole number above 0", "l2 or none"
 *
 * @example A number within bounds
 * ```ts
 * import { wantedAt } from "./wanted.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(wantedAt(["cwm", "floor"]), "a number from 0 to 1");
 * ```
 */
export function wantedAt(path: readonly string[]): string {
  let at: Schema = z.toJSONSchema(CONFIG, { io: "input" });
  for (const part of path) at = (at.properties?.[part] ?? at.items ?? at.additionalProperties) as Schema;
  return inWords(at);
}

function inWords(schema: Schema): string {
  const { anyOf, enum: values, items, properties, additionalProperties, pattern, minItems } = schema;
  if (anyOf) return anyOf.map((one) => inWords(one as Schema)).join(", or ");
  if (values) return `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
  if (schema.type === "integer" || schema.type === "number") return numberInWords(schema);
  if (schema.type === "boolean") return "true or false";
  if (items) return `a list such as [A, B]${minItems ? "" : " or []"}, each ${inWords(items as Schema)}`;
  if (properties) return `a section with ${Object.keys(properties).join(", ")}`;
  if (additionalProperties) return `{NAME: …}, for each name ${inWords(additionalProperties as Schema)}`;
  return pattern ? NAME : "a text";
}

/** Every number of the schema has a lower bound. */
function numberInWords({ type, minimum, exclusiveMinimum, maximum }: Schema): string {
  const kind = type === "integer" ? "a whole number" : "a number";
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (minimum !== undefined) return `${kind} from ${minimum} ${most === undefined ? "on" : `to ${most}`}`;
  return `${kind} above ${exclusiveMinimum}${most === undefined ? "" : `, ${most} at most`}`;
}
