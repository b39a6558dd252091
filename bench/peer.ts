/**
 * What benches share: the peers' Python, child processes, and the one line that ends a bench.
 *
 * @module
 */

/** One case of a bench. */
export interface BenchCase {
  /** Its name. */
  readonly case: string;
  /** The unit of both numbers. */
  readonly unit: string;
  /** Our number. */
  readonly ours: number;
  /** The peer's. */
  readonly peer: number;
  /** Ours over the peer's: above 1 is better. */
  readonly ratio: number;
  /** Our peak memory over the peer's: below 1 is better. */
  readonly memory_ratio: number;
}

const PEERS = new URL("peers", import.meta.url).pathname;

/**
 * The Python that has the peers: `WORLDSTRAP_PEERS` or `bench/peers/.venv`.
 *
 * @throws Error saying what to install when there is none
 */
export function peerPython(): string {
  const python = Deno.env.get("WORLDSTRAP_PEERS") ?? `${PEERS}/.venv/bin/python`;
  try {
    Deno.statSync(python);
    return python;
  } catch {
    throw new Error(
      `Cannot find the peers' Python at ${python}: run "python3 -m venv bench/peers/.venv" and ` +
        '"bench/peers/.venv/bin/pip install -r bench/peers/requirements.txt", or set WORLDSTRAP_PEERS to a Python that has them',
    );
  }
}

/** Runs a child and parses the last line that it prints. */
export async function lastLine<T>(command: string, args: readonly string[]): Promise<T> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args: [...args], stdout: "piped", stderr: "piped" }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr).trim().split("\n").at(-1)}`);
  return JSON.parse(lines.at(-1)!) as T;
}

/** A process that answers each line with a line, both JSON. */
export interface Child {
  /** The process's number. */
  readonly pid: number;
  /** Sends a question and waits for the answer. */
  ask<T>(question: unknown): Promise<T>;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** Starts a process that answers lines: a bench alternates between two of them, each with its model loaded once. */
export function startChild(command: string, args: readonly string[]): Child {
  const child = new Deno.Command(command, { args: [...args], stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
  const writer = child.stdin.getWriter();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    pid: child.pid,
    ask: async <T>(question: unknown) => {
      await writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
      while (!text.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`${command} ${args[0]} ended before it answered`);
        text += value;
      }
      const line = text.slice(0, text.indexOf("\n"));
      text = text.slice(line.length + 1);
      return JSON.parse(line) as T;
    },
    stop: async () => {
      await writer.close();
      await reader.cancel();
      await child.status;
    },
  };
}

/** Prints a bench's table and its last line; `more` says on what machine it ran. */
export function report(bench: string, cases: readonly BenchCase[], more: object = {}): void {
  console.table(Object.fromEntries(cases.map(({ case: name, ...rest }) => [name, rest])));
  console.log(JSON.stringify({ bench, ...more, cases }));
}
