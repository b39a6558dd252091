/**
 * A gallery of trajectories as one HTML file that opens from disk: pictures inside, no script, no network.
 *
 * @module
 */
import { encodeBase64 } from "../files.ts";
import type { AnnotatedTrajectory } from "../synthesis/mod.ts";

/** A part of a gallery. */
export interface GalleryPart {
  /** Its heading. */
  readonly title: string;
  /** What it shows. */
  readonly trajectories: readonly AnnotatedTrajectory[];
}

/**
 * A gallery's HTML.
 *
 * @param title of the page
 * @param folder that the trajectories' frames count from
 * @param parts headings and trajectories
 */
export function galleryHtml(title: string, folder: string, parts: readonly GalleryPart[]): string {
  const picture = (file: string) => `<img alt="" src="data:image/png;base64,${encodeBase64(Deno.readFileSync(`${folder}/${file}`))}">`;
  const card = ({ source, target, action, score, label, video, right }: AnnotatedTrajectory) =>
    `<figure>${picture(source)}${picture(target)}<figcaption><b>${escapeHtml(action)}</b><br>${score.toFixed(3)} · ${escapeHtml(label)} · ${
      escapeHtml(video)
    }${right === undefined ? "" : right ? " · right" : " · wrong"}</figcaption></figure>`;
  const sections = parts.map(({ title, trajectories }) =>
    `<h2>${escapeHtml(title)}</h2><div class="cards">${trajectories.map(card).join("\n")}</div>`
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${
    escapeHtml(title)
  }</title>
<style>body{font:15px/1.4 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#222}.cards{display:flex;flex-wrap:wrap;gap:1rem}
figure{margin:0;width:17rem}img{width:8.3rem;height:8.3rem;object-fit:contain;background:#f4f4f4;image-rendering:auto;margin-right:.2rem}
figcaption{font-size:.85rem;overflow-wrap:anywhere}</style>
<h1>${escapeHtml(title)}</h1>
${sections.join("\n")}
</html>
`;
}

/** Text in HTML; control characters are shown as replaced. */
export function escapeHtml(text: string): string {
  return text.replace(/\p{Cc}|\p{Cs}/gu, "\ufffd").replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
