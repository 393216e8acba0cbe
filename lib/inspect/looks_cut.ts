/**
 * Whether an answer breaks off.
 *
 * @module
 */

/** Characters from which an answer is long enough to end as sentences do. */
const LONG = 200;

/** Lines that need no full stop: of lists, tables, headings, code, verse and greetings. */
const LOOSE_LINE = /^\s*(?:[-*+•–>|#]|\d+[.)])|\|\s*$/u;
/** A last line shorter than this is a title, a name or a verse. */
const SHORT_LINE = 60;

/**
 * How an answer ends, by this rule: one breaks off that opens a code block (```) and does not close
 * it, or that has 200 characters and more and a last line of 60 and more, not of a list, table or
 * heading, that ends with a letter of a plain word or with one of `, ; : ( [ {` or a dash.
 *
 * @returns `short` for an answer that the second part of the rule says nothing about.
 */
export function looksCut(answer: string): "open code" | "open sentence" | "whole" | "short" {
  const text = answer.trimEnd();
  const fences = text.match(/^\s*(?:```|~~~)/gm)?.length ?? 0;
  if (fences % 2 === 1) return "open code";
  const lastLine = text.slice(text.lastIndexOf("\n") + 1);
  if (text.length < LONG || lastLine.length < SHORT_LINE || LOOSE_LINE.test(lastLine)) {
    return "short";
  }
  // Neither a web address, nor a file's name, nor a formula.
  const isOpen = /(?:^|[\s"'“‘(])[\p{L}\p{M}'’-]+$|[,;:([{–—،、，；：]$/u.test(text);
  return isOpen ? "open sentence" : "whole";
}
