/**
 * The chat format: a conversation as token ids, and which of them are trained on.
 */

import { checkMessages, type Conversation, type Message } from "../conversation.ts";
import { UserError } from "../errors.ts";
import type { SpecialToken } from "./special_tokens.ts";

/** What the chat format needs of a tokenizer. */
interface Encoder {
  encode(text: string): number[];
  encodeSpecial(name: SpecialToken): number;
}

/** A conversation as tokens. */
export interface RenderedConversation {
  /** The token ids, beginning with `<|bos|>`. */
  ids: number[];
  /** For each id 1 if it is trained on, else 0. */
  mask: number[];
}

/** Renders a whole conversation; see {@linkcode Tokenizer.renderConversation}. */
export function renderConversation(
  tokenizer: Encoder,
  conversation: Conversation,
  maxTokens: number,
): RenderedConversation {
  // Conversations come from files, so they are checked whatever the compiler believes.
  return render(tokenizer, checkMessages(conversation?.messages), maxTokens);
}

/** The tokens of checked messages. */
function render(
  tokenizer: Encoder,
  messages: Message[],
  maxTokens: number,
): RenderedConversation {
  const ids: number[] = [];
  const mask: number[] = [];
  const add = (tokens: number[], trained: 0 | 1) => {
    for (const token of tokens) {
      ids.push(token);
      mask.push(trained);
    }
  };
  const special = (name: SpecialToken, trained: 0 | 1) =>
    add([tokenizer.encodeSpecial(name)], trained);

  special("<|bos|>", 0);
  for (const { role, content, weight = 1 } of turnsOf(messages)) {
    if (role === "user") {
      special("<|user_start|>", 0);
      add(tokenizer.encode(content as string), 0);
      special("<|user_end|>", 0);
      continue;
    }
    special("<|assistant_start|>", 0);
    const parts = typeof content === "string" ? [{ type: "text", text: content }] : content;
    for (const { type, text } of parts) {
      if (type === "python") {
        special("<|python_start|>", weight);
        add(tokenizer.encode(text), weight);
        special("<|python_end|>", weight);
      } else if (type === "python_output") {
        // At inference these come from the tool, not from the model.
        special("<|output_start|>", 0);
        add(tokenizer.encode(text), 0);
        special("<|output_end|>", 0);
      } else {
        add(tokenizer.encode(text), weight);
      }
    }
    special("<|assistant_end|>", weight);
  }
  return { ids: ids.slice(0, maxTokens), mask: mask.slice(0, maxTokens) };
}

/** Renders the prompt of a last answer; see {@linkcode Tokenizer.renderForCompletion}. */
export function renderForCompletion(
  tokenizer: Encoder,
  conversation: Conversation,
  maxTokens: number,
): number[] {
  const messages = checkMessages(conversation?.messages);
  if (messages.at(-1)?.role !== "assistant") {
    throw new UserError("a conversation to be completed must end with the assistant's message");
  }
  const { ids } = render(tokenizer, messages.slice(0, -1), maxTokens);
  return [...ids, tokenizer.encodeSpecial("<|assistant_start|>")];
}

/** User and assistant turns, a system message merged into the first. */
function turnsOf(messages: Message[]): Message[] {
  if (messages[0]?.role !== "system") return messages;
  const [system, user, ...rest] = messages;
  return [{ role: "user", content: `${system.content}\n\n${user.content}` }, ...rest];
}
