/**
 * Fetching models and data sets: the catalogue, repositories' lists, downloads that go on where they broke off, archives.
 *
 * @module
 */
export { CATALOGUE, type Item } from "./catalogue.ts";
export { describeCatalogue, describeItem, describePlan, describeSteps } from "./describe.ts";
export { sizeText } from "./files.ts";
export { fetchItem, type FetchRecord, finishItem, openFiles, readRecord } from "./item.ts";
export { makeOf } from "./make.ts";
export { checkRoom, freeBytes, lengthOf, openBytes, type Plan, planItem } from "./plan.ts";
export { type Client, openClient } from "./request.ts";
