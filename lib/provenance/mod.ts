/**
 * Where a picture comes from, written into its file: XMP with the IPTC's terms for what a model made, as A.10 of the paper asks for.
 *
 * @module
 */
export { type Provenance, provenanceOf, provenanceText, provenanceXmp } from "./xmp.ts";
export { gifWithXmp, xmpOfGif } from "./gif.ts";
export { inspectFile, xmpOf } from "./inspect.ts";
