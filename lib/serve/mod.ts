/**
 * The live page: actions are typed, candidates appear, a tree grows.
 *
 * @module
 */
export { answerAll, type Answering, type Watching } from "./answer.ts";
export type { Batch } from "./desk.ts";
export { type LivePage, openPage, type PageSettings } from "./page.ts";
export type { Makers } from "./pictures.ts";
export type { Answer, Drawn, Growth, Question, Seen, Side } from "./questions.ts";
export type { ExampleSource } from "./server.ts";
