import type { Conversation } from "../conversation.ts";
import { EvalTask } from "./task.ts";

/** A question with a few answers to choose from, each named by a letter. */
export interface MultipleChoiceProblem extends Conversation {
  /** The letters that may answer, in the order of the choices. */
  letters: string[];
}

/**
 * The user's side of a multiple-choice question. The letter comes after its choice, which small
 * models bind better, and directly after the `=`, so that it is the same token as in the answer.
 *
 * @example
 * ```ts
 * import { renderMultipleChoice } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(
 *   renderMultipleChoice("What is 1 + 1?", ["A", "B"], ["2", "11"]),
 *   "Multiple Choice question: What is 1 + 1?\n- 2=A\n- 11=B\n\n" +
 *     "Respond only with the letter of the correct answer.",
 * );
 * ```
 */
export function renderMultipleChoice(
  question: string,
  letters: readonly string[],
  choices: readonly string[],
): string {
  const options = choices.map((choice, i) => `- ${choice}=${letters[i]}\n`).join("");
  return `Multiple Choice question: ${question}\n${options}\n` +
    "Respond only with the letter of the correct answer.";
}

/** The conversation in which the assistant answers a multiple-choice question with its letter. */
export function multipleChoiceProblem(
  question: string,
  letters: string[],
  choices: string[],
  answer: string,
): MultipleChoiceProblem {
  return {
    messages: [
      { role: "user", content: renderMultipleChoice(question, letters, choices) },
      { role: "assistant", content: answer },
    ],
    letters,
  };
}

/** A task of multiple-choice questions. */
export abstract class MultipleChoiceTask<P extends MultipleChoiceProblem = MultipleChoiceProblem>
  extends EvalTask<P> {
  /** The answer is the likeliest of the problem's letters. */
  override readonly evalType = "categorical";

  /** Whether `completion` is the letter of the right answer. */
  override evaluate(problem: P, completion: string): boolean {
    return completion === problem.messages.at(-1)!.content;
  }
}
