/** Finished runs as tasks leave them, for tests of what reads them. */
import { resolveConfig } from "../../lib/experiment/config.ts";
import type { Result } from "../../lib/experiment/results.ts";
import { openRun } from "../../lib/experiment/run.ts";
import type { Config } from "../../lib/experiment/schema.ts";
import { writeFile } from "../../lib/files.ts";
import type { Score } from "../../lib/judge/mod.ts";

/** A configuration with a tiny bench. */
export const CONFIG: Config = resolveConfig(undefined, [{ key: "bench.world", value: "2" }, { key: "experiment", value: "a-test" }]);

/** Writes a finished run: its result, and files by name, lists as JSON lines. */
export function finishRun(
  folder: string,
  result: Result,
  files: Readonly<Record<string, string | readonly object[]>> = {},
  overlap = 0,
  config: Config = CONFIG,
): void {
  const run = openRun({ task: result.kind, folder, config, sections: ["seed", "bench", "model"], inputs: {}, overlap });
  for (const [name, content] of Object.entries(files)) {
    writeFile(`${folder}/${name}`, typeof content === "string" ? content : content.map((line) => JSON.stringify(line) + "\n").join(""));
  }
  run.finish(result);
}

/** A judge's score. */
export function scoreOf(system: string, id: string, success: number, minimal: number, more: Partial<Score> = {}): Score {
  return { system, id, subset: "edit", action: "do it", success, minimal, score: Math.min(success, minimal), reason: "seen", ...more };
}

/** What task judge says at its end. */
export function judgement(systems: string[]): Result {
  const spent = { prompt: 0, completion: 0, dollars: 0 };
  return { kind: "judgement", judge: "world", date: "2026-01-02", prompt: "none", framing: "paper", spent, systems, scores: [] };
}
