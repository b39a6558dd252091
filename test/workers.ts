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

/** Addresses on this machine whose ports are free. */
export function freeAddresses(count: number): string[] {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const addresses = listeners.map(({ addr }) => `127.0.0.1:${(addr as Deno.NetAddr).port}`);
  listeners.forEach((listener) => listener.close());
  return addresses;
}
