/**
 * An answer's tokens as the text that a client sees.
 *
 * @module
 */
import type { ContentPart } from "../conversation.ts";
import { PartDecoder, partMark, type SequenceEnd, type SequenceStep } from "../engine/mod.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import type { AnswerPiece } from "./answer_piece.ts";
import { StopText } from "./stop_text.ts";

/** How an answer ended. */
export interface AnswerEnd {
  /** `stop`: the model or a stop text ended it; `length`: it was cut off. */
  reason: SequenceEnd;
  /** Tokens that were generated, a tool's answers with them, without the one that ends the turn. */
  tokens: number;
  /** Tokens of the prompt that need not be read, since another sequence had read them. */
  sharedTokens: number;
}

/**
 * Reads one answer: whole characters only, tool use as `[6*7 = 42]`, up to the first stop text, where
 * the sequence is left.
 *
 * @param steps The answer's tokens.
 * @param stop Texts that end it.
 * @yields Its pieces, and its end as the last.
 */
export async function* readAnswer(
  steps: AsyncIterable<SequenceStep>,
  tokenizer: Tokenizer,
  stop: readonly string[],
): AsyncGenerator<AnswerPiece | AnswerEnd, void> {
  const text = new MarkedText(tokenizer);
  const stopText = new StopText(stop);
  let reason: SequenceEnd = "length", tokens = 0, sharedTokens = 0;
  for await (const step of steps) {
    sharedTokens = step.sequence.sharedTokens;
    reason = step.end ?? reason;
    if (step.end === "stop") break;
    tokens++;
    yield* stopText.push(text.push(step));
    if (stopText.found) break;
  }
  if (!stopText.found) yield* stopText.push(text.end());
  if (!stopText.found) yield* stopText.end();
  yield { reason: stopText.found ? "stop" : reason, tokens, sharedTokens };
}

/** Tokens as pieces of text with marks between. */
class MarkedText {
  readonly #parts: PartDecoder;
  #type: ContentPart["type"] = "text";
  /** Tokens that no piece has completed yet. */
  #tokens: SequenceStep[] = [];

  constructor(tokenizer: Tokenizer) {
    this.#parts = new PartDecoder(tokenizer);
  }

  push(step: SequenceStep): AnswerPiece[] {
    this.#tokens.push(step);
    const part = this.#parts.push(step.token);
    return part === undefined ? [] : this.#pieces(part);
  }

  end(): AnswerPiece[] {
    const part = this.#parts.end();
    const pieces = part === undefined ? [] : this.#pieces(part);
    const text = partMark(this.#type, "text");
    return [...pieces, { text, tokens: this.#tokens }];
  }

  #pieces({ type, text }: ContentPart): AnswerPiece[] {
    const mark = partMark(this.#type, type), tokens = this.#tokens;
    this.#type = type;
    this.#tokens = [];
    const piece: AnswerPiece = { text, part: type, tokens };
    return mark === "" ? [piece] : [{ text: mark, tokens: [] }, piece];
  }
}
