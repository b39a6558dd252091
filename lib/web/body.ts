/**
 * Bodies of requests, which may be hostile: no more is read than is allowed, and no longer than is allowed.
 *
 * @module
 */
import { refuse } from "./answers.ts";

/** What a body may be. */
export interface BodyLimits {
  /** Bytes at most. */
  readonly bytes: number;
  /** Seconds until it is there, at most; 20 when absent. */
  readonly seconds?: number;
}

/**
 * Reads a body.
 *
 * @param request whose body it is
 * @param limits of it
 * @returns its bytes, or the refusal: 413 when it is too large, by its stated length or as it comes, 408 when it takes too long, 400 when it
 *   breaks off
 */
export async function readBody(request: Request, { bytes, seconds = 20 }: BodyLimits): Promise<Uint8Array<ArrayBuffer> | Response> {
  if (Number(request.headers.get("content-length") ?? 0) > bytes) {
    return refuse(413, `That is too large: at most ${bytes} bytes are taken.`);
  }
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), 1000 * seconds);
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), late.promise]);
      if (next === "late") return refuse(408, `That took too long: what is sent must be there within ${seconds} seconds.`);
      if (next.done) return new Uint8Array(await new Blob(pieces).arrayBuffer());
      pieces.push(next.value as Uint8Array<ArrayBuffer>);
      if ((size += next.value.length) > bytes) return refuse(413, `That is too large: at most ${bytes} bytes are taken.`);
    }
  } catch {
    return refuse(400, "What was sent broke off.");
  } finally {
    clearTimeout(timer);
    reader.cancel().catch(() => {}); // nothing more is wanted
  }
}

/**
 * Reads a body that must be a JSON object.
 *
 * @param request whose body it is
 * @param limits of it
 * @returns the object, or the refusal
 */
export async function readObject(request: Request, limits: BodyLimits): Promise<Readonly<Record<string, unknown>> | Response> {
  const body = await readBody(request, limits);
  if (body instanceof Response) return body;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch { /* as any other body that is no object */ }
  return refuse(400, "That is no JSON object.");
}
