/**
 * A piece of an answer.
 *
 * @module
 */
import type { ContentPart } from "../conversation.ts";
import type { SequenceStep } from "../engine/mod.ts";

/** The next piece of an answer's text. */
export interface AnswerPiece {
  /** The text; empty where tokens are told that are no text by themselves. */
  text: string;
  /** What of the answer it is; a mark of tool use (`[`, ` = `, `]`) is none of it. */
  part?: ContentPart["type"];
  /** The tokens that the piece completes. */
  tokens: readonly SequenceStep[];
}
