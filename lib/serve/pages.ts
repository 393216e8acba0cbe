/**
 * The files of the chat page.
 *
 * @module
 */

/** A file that a browser loads. */
export interface Page {
  /** Its text. */
  body: string;
  /** Its media type. */
  type: string;
}

/** The files by their paths. */
export const pages: ReadonlyMap<string, Page> = new Map([
  ["/", {
    body: "<!doctype html><title>nanochat</title><p>The API is at /v1.",
    type: "text/html; charset=utf-8",
  }],
]);
