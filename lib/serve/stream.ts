/**
 * A question's answer as a stream of JSON lines: the place in the queue, rows of pictures as they are drawn, the end. Who goes away takes the
 * question back.
 *
 * @module
 */
import { encodeBase64 } from "../files.ts";
import { encodePng } from "../tokens/mod.ts";
import { PAGE_HEADERS } from "../web/mod.ts";
import type { Asker, Desk, Told } from "./desk.ts";
import type { Answer, Growth, Question } from "./questions.ts";

/**
 * Asks, and streams what is told.
 *
 * @param desk where it is asked
 * @param asker whose question it is
 * @param question what is asked
 * @param finish keeps the answer, and gives the last line
 * @returns the stream
 */
export function streamTold(desk: Desk, asker: Asker, question: Question, finish: (answer: Answer) => Promise<object>): Response {
  let takeBack = () => {};
  const encoder = new TextEncoder();
  const lines = new ReadableStream<Uint8Array>({
    start(controller) {
      let isDrawing = false; // a picture of rows at a time; those that come meanwhile are passed over
      let isOpen = true;
      const write = (line: object) => isOpen && controller.enqueue(encoder.encode(JSON.stringify(line) + "\n"));
      const end = (line: object) => {
        write(line); // whose reader may be found gone by it
        if (isOpen) controller.close();
        isOpen = false;
      };
      const tell = (told: Told) => {
        if ("answer" in told) return void finish(told.answer).catch(failed).then((line) => isOpen && end(line));
        if (!("growth" in told)) return void write(told);
        if (isDrawing) return;
        isDrawing = true;
        void shownGrowth(told.growth).then(write).finally(() => isDrawing = false);
      };
      const back = desk.ask(asker, question, tell);
      takeBack = () => {
        isOpen = false;
        back();
      };
    },
    cancel: () => takeBack(),
  });
  return new Response(lines, { headers: { ...PAGE_HEADERS, "content-type": "application/x-ndjson" } });
}

/** Rows as they are drawn, as pictures that stand in the line itself. */
async function shownGrowth({ pictures, rows }: Growth): Promise<object> {
  const shown = await Promise.all(pictures.map(async (picture) => `data:image/png;base64,${encodeBase64(await encodePng(picture))}`));
  return { rows, pictures: shown };
}

/** What is said when an answer cannot be kept. */
function failed(error: Error): object {
  console.error(error.message);
  return { error: "The answer could not be kept; the terminal of the server says why." };
}
