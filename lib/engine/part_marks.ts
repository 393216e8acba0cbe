/**
 * Tool use within plain text: `[6*7 = 42]`.
 *
 * @module
 */
import type { ContentPart } from "../conversation.ts";
import { calculate } from "./calculator.ts";

/** Neither an expression nor a result has brackets, and a longer expression has no result. */
const TOOL_USE = /\[([^[\]]{1,256}) = ([^[\]=]+)\]/g;

/**
 * What stands in plain text between two pieces of an answer that are of the given types, so that
 * expressions and results read `[6*7 = 42]`. An answer begins and ends as `text`.
 */
export function partMark(before: ContentPart["type"], after: ContentPart["type"]): string {
  if (before === after) return "";
  if (after === "text") return "]";
  const opening = before === "text" ? "[" : "";
  return after === "python_output" ? `${opening} = ` : "[";
}

/**
 * The parts of an answer that was written as plain text. What stands in brackets counts as tool use
 * only if it is what the calculator answers, so that other brackets stay text.
 */
export function readPartMarks(text: string): ContentPart[] {
  const parts: ContentPart[] = [];
  let read = 0;
  for (const { index, 0: whole, 1: expression, 2: result } of text.matchAll(TOOL_USE)) {
    if (calculate(expression) !== result) continue;
    if (index > read) parts.push({ type: "text", text: text.slice(read, index) });
    parts.push({ type: "python", text: expression }, { type: "python_output", text: result });
    read = index + whole.length;
  }
  if (read < text.length) parts.push({ type: "text", text: text.slice(read) });
  return parts;
}
