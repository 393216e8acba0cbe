/**
 * Errors in OpenAI's form.
 *
 * @module
 */
import { errorFor } from "../error_for.ts";

/** `{ error: { message, type, param, code } }` of any error. */
export interface ErrorBody {
  /** What went wrong. */
  error: {
    /** In words. */
    message: string;
    /** Kind of error. */
    type: string;
    /** The field at fault. */
    param: string | null;
    /** A word for programs. */
    code: string | null;
  };
}

/** What stands in a response, or in a stream that has begun. */
export function errorBody(error: unknown): ErrorBody {
  const { message, type, param, code } = errorFor(error);
  return { error: { message, type, param, code } };
}

/** The response to a request that is not answered because of an error, whatever was thrown. */
export function errorResponse(error: unknown): Response {
  const { status, headers } = errorFor(error);
  return Response.json(errorBody(error), { status, headers });
}
