/**
 * What the pages that this workbench serves share: answers that load nothing from elsewhere, bodies within limits, secrets in links.
 *
 * @module
 */
export { KEPT, PAGE_HEADERS, type PageFile, pageFiles, refuse, send, sendBytes, sendPage } from "./answers.ts";
export { type BodyLimits, readBody, readObject } from "./body.ts";
export { type Address, listen } from "./listen.ts";
export { keptSecrets, randomToken } from "./secrets.ts";
