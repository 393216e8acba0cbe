/**
 * What is told to a client whose request is not answered.
 *
 * @module
 */

/** Beyond the message, what OpenAI's form of errors tells. */
export interface ApiErrorDetail {
  /** HTTP status; 400 unless given. */
  status?: number;
  /** Kind of error; `invalid_request_error` unless given. */
  type?: string;
  /** The field of the request that is at fault. */
  param?: string;
  /** A word for programs, as `model_not_found`. */
  code?: string;
  /** Headers of the response. */
  headers?: Readonly<Record<string, string>>;
}

/** An error whose message is meant for the client. */
export class ApiError extends Error {
  /** HTTP status. */
  readonly status: number;
  /** Kind of error. */
  readonly type: string;
  /** The field of the request that is at fault, if one is. */
  readonly param: string | null;
  /** A word for programs, if there is one. */
  readonly code: string | null;
  /** Headers of the response. */
  readonly headers: Readonly<Record<string, string>>;

  /** An error with its message, in one or two sentences, and what else is known. */
  constructor(message: string, detail: ApiErrorDetail = {}) {
    super(message);
    this.name = "ApiError";
    this.status = detail.status ?? 400;
    this.type = detail.type ?? "invalid_request_error";
    this.param = detail.param ?? null;
    this.code = detail.code ?? null;
    this.headers = detail.headers ?? {};
  }
}
