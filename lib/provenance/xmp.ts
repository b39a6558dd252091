/**
 * A picture's origin as XMP: what exiftool, Photoshop and platforms read. Names are those of the IPTC Photo Metadata Standard
 * 2025.1, and a namespace of our own for digests.
 *
 * @module
 */

/** Where a predicted picture comes from. */
export interface Provenance {
  /** What was asked for: the action. */
  readonly action: string;
  /** The seed that it was drawn with. */
  readonly seed: number;
  /** The base's digest. */
  readonly base: string;
  /** The adapter's digest; absent for the base alone. */
  readonly adapter?: string | undefined;
  /** Which of several candidates it is, from 0 on. */
  readonly candidate?: number | undefined;
  /** Worldstrap's version. */
  readonly version: string;
}

/** The IPTC's term for what a trained model made: https://cv.iptc.org/newscodes/digitalsourcetype/ */
const TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/** Each part's name in XMP. */
const NAMES: Readonly<Record<keyof Provenance, string>> = {
  action: "Iptc4xmpExt:AIPromptInformation",
  seed: "worldstrap:Seed",
  base: "worldstrap:Base",
  adapter: "worldstrap:Adapter",
  candidate: "worldstrap:Candidate",
  version: "Iptc4xmpExt:AISystemVersionUsed",
};

const NAMESPACES = {
  rdf: "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
  Iptc4xmpExt: "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
  xmp: "http://ns.adobe.com/xap/1.0/",
  worldstrap: "urn:worldstrap:provenance:1",
};

/** What XML 1.0 has no place for: control characters, halves of surrogate pairs. */
const FORBIDDEN = /[^\P{Cc}\t\n\r]|\p{Cs}|[\ufffe\uffff]/gu;

/**
 * An origin as an XMP packet.
 *
 * @param provenance the origin
 * @returns XML
 *
 * @example What is written is read back
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * const origin = { action: "open the door", seed: 3, base: "ab12", version: "0.1.0" };
 * assertEquals(ws.provenance.provenanceOf(ws.provenance.provenanceXmp(origin)), origin);
 * ```
 */
export function provenanceXmp(provenance: Provenance): string {
  const own = Object.entries(NAMES).flatMap(([key, name]) => {
    const value = provenance[key as keyof Provenance];
    return value === undefined ? [] : [[name, `${value}`] as const];
  });
  const attributes = [
    ...Object.entries(NAMESPACES).map(([prefix, uri]) => [`xmlns:${prefix}`, uri] as const),
    ["rdf:about", ""] as const,
    ["Iptc4xmpExt:DigitalSourceType", TRAINED] as const,
    ["Iptc4xmpExt:AISystemUsed", "Worldstrap"] as const,
    ["xmp:CreatorTool", `Worldstrap ${provenance.version}`] as const,
    ...own,
  ].map(([name, value]) => ` ${name}="${escapeAttribute(value)}"`).join("");
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">` +
    `<rdf:RDF xmlns:rdf="${NAMESPACES.rdf}"><rdf:Description${attributes}/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>`;
}

/**
 * Reads an origin from an XMP packet that this workbench wrote.
 *
 * @param xmp XML; it may be anybody's
 * @returns the origin, or undefined where it is not of ours
 *
 * @example Other programs' XMP is none
 * ```ts
 * import * as ws from "worldstrap";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(ws.provenance.provenanceOf("<x:xmpmeta/>"), undefined);
 * ```
 */
export function provenanceOf(xmp: string): Provenance | undefined {
  if (!xmp.includes(`Iptc4xmpExt:DigitalSourceType="${TRAINED}"`) || !xmp.includes(`Iptc4xmpExt:AISystemUsed="Worldstrap"`)) return;
  const [action, seed, base, adapter, candidate, version] = (["action", "seed", "base", "adapter", "candidate", "version"] as const)
    .map((key) => {
      const start = xmp.indexOf(` ${NAMES[key]}="`);
      const from = start + NAMES[key].length + 3;
      return start < 0 ? undefined : unescapeAttribute(xmp.slice(from, xmp.indexOf('"', from)));
    });
  if (action === undefined || base === undefined || version === undefined || !/^\d{1,16}$/.test(seed ?? "")) return;
  const place = /^\d{1,9}$/.test(candidate ?? "") ? Number(candidate) : undefined;
  return { action, seed: Number(seed), base, ...(adapter && { adapter }), ...(place !== undefined && { candidate: place }), version };
}

/**
 * An origin in words, a line each.
 *
 * @param provenance the origin
 * @returns lines
 *
 * @example The first line says that a model made it
 * ```ts
 * import * as ws from "worldstrap";
 * import { assert } from "@std/assert";
 *
 * const text = ws.provenance.provenanceText({ action: "open it", seed: 1, base: "ab12", version: "0.1.0" });
 * assert(text.startsWith("made by a model: Worldstrap 0.1.0"));
 * ```
 */
export function provenanceText({ action, seed, base, adapter, candidate, version }: Provenance): string {
  const which = candidate === undefined ? "" : `, candidate ${candidate}`;
  return [
    `made by a model: Worldstrap ${version}`,
    `  action   ${action}`,
    `  seed     ${seed}${which}`,
    `  base     ${base}`,
    `  adapter  ${adapter ?? "none, the base alone"}`,
  ].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = {
  ...{ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;" },
};

function escapeAttribute(text: string): string {
  return text.replace(FORBIDDEN, "\ufffd").replace(/[&<>"\n\r\t]/g, (character) => ENTITIES[character]!);
}

function unescapeAttribute(text: string): string {
  const back = new Map(Object.entries(ENTITIES).map(([character, entity]) => [entity, character]));
  return text.replace(/&(?:amp|lt|gt|quot|#10|#13|#9);/g, (entity) => back.get(entity)!);
}
