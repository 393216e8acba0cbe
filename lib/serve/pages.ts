/**
 * The chat page, as it is handed out.
 *
 * @module
 */
import html from "../../web/chat.html" with { type: "text" };
import script from "../../web/built/chat.js" with { type: "text" };
import style from "../../web/built/chat.css" with { type: "text" };

/** A file of the page. */
export interface Page {
  /** Its text. */
  body: string;
  /** Its media type, as `content-type` gives it. */
  type: string;
}

/** The files of the page by their paths on the server. */
export const pages: ReadonlyMap<string, Page> = new Map([
  ["/", { body: html, type: "text/html; charset=utf-8" }],
  ["/chat.js", { body: script, type: "text/javascript; charset=utf-8" }],
  ["/chat.css", { body: style, type: "text/css; charset=utf-8" }],
]);

/**
 * What the page may do, for the header `content-security-policy`: nothing but run its own script and
 * ask its own server. HTML comes into it by way of DOMPurify alone.
 */
export const pagePolicy: string = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types dompurify",
].join("; ");
