/**
 * Reading the JSON of a request, of which nothing is known but that it may be meant badly.
 *
 * @module
 */
import { findJsonFault } from "../json.ts";
import { unlessAborted } from "../pause.ts";
import { ApiError } from "./api_error.ts";

/** What a body may be. */
export interface BodyLimits {
  /** Bytes. */
  bytes: number;
  /** Milliseconds in which it must come. */
  time: number;
  /** Objects and lists in one another. */
  depth: number;
}

/** What a server is used with. */
export const BODY_LIMITS: BodyLimits = { bytes: 2 ** 20, time: 30_000, depth: 64 };

/**
 * Reads a request's body as JSON. It need not say that it is JSON, but may not say that it is
 * something else.
 *
 * @throws {ApiError} with status 415 for another type, 413 if it is too large, 408 if it takes too
 * long, 400 if it is no JSON, saying where.
 */
export async function readJson(
  request: Request,
  limits: BodyLimits = BODY_LIMITS,
): Promise<unknown> {
  const type = request.headers.get("content-type")?.split(";")[0].trim().toLowerCase();
  if (type && type !== "application/json" && !/^application\/[\w.-]+\+json$/.test(type)) {
    throw new ApiError(`the body must be of type application/json, but is of type ${type}`, {
      status: 415,
      code: "unsupported_media_type",
    });
  }
  const text = decode(await readBytes(request, limits));
  checkDepth(text, limits.depth);
  try {
    return JSON.parse(text);
  } catch {
    // Nothing is found where only Python's numbers are no JSON.
    const fault = findJsonFault(text);
    const why = fault
      ? `, at character ${fault.at}: ${fault.reason}`
      : ": NaN and Infinity are none";
    throw new ApiError(`the body is no JSON${why}`, { code: "invalid_json" });
  }
}

/** The bytes of a body, of which no more are read than it may have. */
async function readBytes(
  { body, headers }: Request,
  { bytes: most, time }: BodyLimits,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () =>
    new ApiError(`the body has more than ${most} bytes`, {
      status: 413,
      code: "request_too_large",
      headers: { connection: "close" },
    });
  if (Number(headers.get("content-length")) > most) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (body) {
    const reader = body.getReader(), timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), time);
    try {
      for (;;) {
        const { value, done } = await unlessAborted(reader.read(), timeout.signal);
        if (done) break;
        size += value.length;
        if (size > most) throw tooLarge();
        chunks.push(value);
      }
    } catch (error) {
      if (error !== timeout.signal.reason) throw error;
      throw new ApiError(`the body did not come within ${time / 1000} s`, {
        status: 408,
        code: "request_timeout",
        headers: { connection: "close" },
      });
    } finally {
      clearTimeout(timer);
      // Nobody waits for the rest.
      reader.releaseLock();
    }
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function decode(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError("the body is not UTF-8", { code: "invalid_utf8" });
  }
}

/** What begins or ends an object, a list or a string, and an escape in one. */
const BRACKETS_AND_QUOTES = /["[\]{}]|\\./gs;

/** Checks how deep JSON is, for whoever looks at it calls itself for what is within. */
function checkDepth(text: string, most: number): void {
  let depth = 0, isInString = false;
  for (const [found] of text.matchAll(BRACKETS_AND_QUOTES)) {
    if (found === '"') isInString = !isInString;
    else if (isInString || found.length > 1) continue;
    else if (found === "]" || found === "}") depth--;
    else if (++depth > most) {
      throw new ApiError(`the body has more than ${most} objects and lists in one another`, {
        code: "invalid_json",
      });
    }
  }
}
