/**
 * Asking a model a few questions, to show what it says.
 *
 * @module
 */
import { ChatSession, Engine } from "../engine/mod.ts";
import type { OpenedModel } from "../training/mod.ts";

/** Most tokens of an answer that is shown. */
export const ANSWER_TOKENS = 48;

/** A question and what a model said. */
export interface Answer {
  /** What it was asked. */
  question: string;
  /** What it said, on one line; with an ellipsis where that goes on. */
  answer: string;
}

/**
 * A model's likeliest answers.
 *
 * @param maxNewTokens Most tokens of each.
 */
export async function askEach(
  { model, tokenizer }: OpenedModel,
  questions: readonly string[],
  signal: AbortSignal,
  maxNewTokens: number = ANSWER_TOKENS,
): Promise<Answer[]> {
  const engine = new Engine(model, tokenizer);
  const answers: Answer[] = [];
  try {
    for (const question of questions) {
      const chat = new ChatSession(engine, tokenizer, { temperature: 0, maxNewTokens });
      let answer = "";
      for await (const event of chat.ask(question, signal)) {
        if ("text" in event) answer += event.text;
        else if (event.type === "cut") answer += "…";
      }
      answers.push({ question, answer: oneLine(answer) });
    }
  } finally {
    engine.free();
  }
  return answers;
}

/** A text on one line. */
export function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
