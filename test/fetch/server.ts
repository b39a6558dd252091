/**
 * A server for tests of downloads that does to the byte what it is told: breaks off, lies about lengths, ignores ranges.
 *
 * @module
 */

/** What was asked. */
export interface Asked {
  /** GET or HEAD. */
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Headers, in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What is answered. */
export interface Reply {
  /** Its status, 200 if absent. */
  readonly status?: number;
  /** Headers; `content-length` is the body's if absent. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body. */
  readonly body?: Uint8Array | string;
  /** The connection is closed after so many bytes of the body. */
  readonly cut?: number;
  /** The connection stays open instead, until the other side closes it. */
  readonly hold?: boolean;
}

/**
 * Runs with a server on the loopback.
 *
 * @param reply what it answers
 * @param body what runs, with the server's address and all that was asked
 * @param port where it listens; 0: anywhere
 */
export async function withServer(
  reply: (asked: Asked, count: number) => Reply,
  body: (address: string, asked: Asked[]) => Promise<void>,
  port = 0,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const asked: Asked[] = [];
  const serving = (async () => {
    for await (const connection of listener) serve(connection, reply, asked).catch(() => {}); // the other side may go first
  })();
  try {
    await body(`http://127.0.0.1:${listener.addr.port}`, asked);
  } finally {
    listener.close();
    await serving.catch(() => {}); // it ends with the listener
  }
}

async function serve(connection: Deno.TcpConn, reply: (asked: Asked, count: number) => Reply, log: Asked[]): Promise<void> {
  try {
    const asked = await readHead(connection);
    log.push(asked);
    const { status = 200, headers = {}, body = "", cut, hold } = reply(asked, log.length);
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const all = { "content-length": `${bytes.length}`, connection: "close", ...headers };
    const head = [
      `HTTP/1.1 ${status} X`,
      ...Object.entries(all).filter(([, value]) => value !== "").map(([name, value]) => `${name}: ${value}`),
    ];
    await writeAll(connection, new TextEncoder().encode(head.join("\r\n") + "\r\n\r\n"));
    if (asked.method !== "HEAD") await writeAll(connection, bytes.subarray(0, cut ?? bytes.length));
    if (hold) { while (await connection.read(new Uint8Array(64)) !== null); }
  } finally {
    connection.close();
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await connection.write(bytes.subarray(done));
}

async function readHead(connection: Deno.TcpConn): Promise<Asked> {
  let text = "";
  const buffer = new Uint8Array(4096);
  while (!text.includes("\r\n\r\n")) {
    const read = await connection.read(buffer);
    if (read === null) throw new Error("the client hung up");
    text += new TextDecoder().decode(buffer.subarray(0, read));
  }
  const [first = "", ...lines] = text.split("\r\n\r\n")[0]!.split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers = Object.fromEntries(lines.map((line) => [line.split(":")[0]!.toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
  return { method, path, headers };
}

/** Answers as a good server does: ranges, `If-Range`, an ETag. */
export function served(bytes: Uint8Array, { headers }: Asked, etag = '"v1"'): Reply {
  const from = Number(/^bytes=(\d+)-$/.exec(headers["range"] ?? "")?.[1] ?? NaN);
  const isAsked = Number.isFinite(from) && (headers["if-range"] === undefined || headers["if-range"] === etag);
  if (isAsked && from >= bytes.length) return { status: 416, headers: { etag, "content-range": `bytes */${bytes.length}` } };
  if (!isAsked) return { headers: { etag }, body: bytes };
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  return { status: 206, headers: { etag, "content-range": range }, body: bytes.subarray(from) };
}

/** Bytes that no compression and no coincidence makes equal. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = (state * 1103515245 + 12345) % 2 ** 31) >> 16);
}
