/**
 * Errors of all kinds in words for a client.
 *
 * @module
 */
import { UserError } from "../errors.ts";
import { ApiError } from "./api_error.ts";
import { BusyError } from "./service.ts";

/** The error that a client is told of: of what is a bug here it learns no more than that. */
export function errorFor(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof BusyError) {
    return new ApiError(error.message, {
      status: 429,
      type: "rate_limit_error",
      code: "rate_limit_exceeded",
      headers: { "retry-after": String(error.retryAfter) },
    });
  }
  const message = error instanceof UserError
    ? error.message
    : "the server failed to answer; its own log may say why";
  return new ApiError(message, { status: 500, type: "server_error" });
}
