/**
 * How far long work is, and how long it will take.
 *
 * @module
 */
import cliProgress from "cli-progress";

/** A bar that shows how far a long work is, with the time left. */
export interface Progress {
  /** Shows that `done` of the total is done. */
  update(done: number, note?: string): void;
  /** Takes the bar away. */
  stop(): void;
}

/**
 * Starts a progress bar; without a terminal it prints a line now and then. The time left is reckoned from this
 * process's own last steps, the first (which compiles) left out.
 */
export function showProgress(name: string, total: number, done = 0): Progress {
  if (!Deno.stderr.isTerminal()) return progressLines(name, total);
  const bar = new cliProgress.SingleBar({
    format: `${name} {bar} {value}/{total} {note} {left}`,
    hideCursor: true,
    clearOnComplete: false,
    stream: undefined,
  } as never, cliProgress.Presets.shades_classic);
  bar.start(total, done, { note: "", left: "" });
  const left = timeLeft(total);
  return {
    update: (value, note = "") => bar.update(value, { note, left: left(value) }),
    stop: () => bar.stop(),
  };
}

function progressLines(name: string, total: number): Progress {
  const left = timeLeft(total);
  let last = 0;
  return {
    update(value, note = "") {
      const remaining = left(value);
      if (performance.now() - last < 5000 && value < total) return;
      last = performance.now();
      console.error(`${name} ${value}/${total} ${note} ${remaining}`);
    },
    stop() {},
  };
}

function timeLeft(total: number): (done: number) => string {
  const recent: { readonly done: number; readonly at: number }[] = [];
  return (done) => {
    recent.push({ done, at: performance.now() });
    if (recent.length > 21) recent.shift();
    if (recent.length < 3) return "";
    const [first, last] = [recent[1]!, recent.at(-1)!];
    const seconds = (last.at - first.at) / 1000 / Math.max(1, last.done - first.done) * (total - done);
    return seconds < 1 ? "" : `${duration(seconds)} left`;
  };
}

/** Seconds as people say them: "4 min 10 s". */
export function duration(seconds: number): string {
  const [whole, minutes] = [Math.round(seconds), Math.round(seconds / 60)]; // rounded first: 59.6 s are 1 min, not 60 s
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
