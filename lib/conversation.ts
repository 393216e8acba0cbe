/**
 * The shape of a conversation, shared by the tasks that make them and the tokenizer that renders
 * them. It is the JSON that nanochat's datasets hold.
 *
 * @module
 */

/** A piece of an assistant's message: prose, a Python expression it sends, or the result it gets. */
export interface ContentPart {
  /** `text` and `python` are trained on; `python_output` is read only. */
  type: "text" | "python" | "python_output";
  /** The text of the piece, without special tokens. */
  text: string;
}

/** One turn. A system message may come first and alone; then user and assistant take turns. */
export interface Message {
  /** Who speaks. */
  role: "system" | "user" | "assistant";
  /** The text, or for an assistant its parts. */
  content: string | ContentPart[];
}

/** A conversation, with whatever further fields its task keeps for evaluation. */
export interface Conversation {
  /** The turns, in order. */
  messages: Message[];
}
