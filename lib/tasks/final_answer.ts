import type { Conversation } from "../conversation.ts";

/**
 * The number after the first `####` of a solution, without its thousands commas, as text; null if
 * there is none. The convention is GSM8K's (Cobbe et al., arXiv:2110.14168).
 *
 * @example
 * ```ts
 * import { finalAnswer } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(finalAnswer("That makes 1,234.\n#### 1,234"), "1234");
 * assertEquals(finalAnswer("I do not know."), null);
 * ```
 */
export function finalAnswer(text: string): string | null {
  const match = /#### (-?[0-9.,]+)/.exec(text);
  return match === null ? null : match[1].replaceAll(",", "");
}

/** Whether a completion ends in the same final answer as a problem's own solution. */
export function sameFinalAnswer(problem: Conversation, completion: string): boolean {
  const solution = problem.messages.at(-1)!.content;
  const text = typeof solution === "string" ? solution : solution.at(-1)!.text;
  const expected = finalAnswer(text);
  return expected !== null && finalAnswer(completion) === expected;
}
