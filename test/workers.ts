/** Processes that work together, for tests. */

/** A worker in a process of its own that prints lines of JSON. */
export interface Worker {
  /** The process. */
  readonly child: Deno.ChildProcess;
  /** Its next line; `{ ended: true }` after the last. */
  readonly line: () => Promise<Record<string, unknown>>;
  /** Its code, once it has ended. */
  readonly end: () => Promise<number>;
}

/** Starts a script as a worker. */
export function startWorker(script: string, args: readonly string[]): Worker {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...args],
    ...{ stdout: "piped", stderr: "null" },
  });
  const child = command.spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const line = async () => {
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) return { ended: true };
      text += value;
    }
    const first = text.slice(0, text.indexOf("\n"));
    text = text.slice(first.length + 1);
    return JSON.parse(first);
  };
  const end = async () => {
    await reader.cancel();
    return (await child.status).code;
  };
  return { child, line, end };
}
