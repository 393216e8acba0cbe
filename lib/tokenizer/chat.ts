/**
 * The chat format: a conversation as token ids, and which of them are trained on.
 */

import type { Conversation, Message } from "../conversation.ts";
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
  for (const { role, content } of turnsOf(conversation)) {
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
        special("<|python_start|>", 1);
        add(tokenizer.encode(text), 1);
        special("<|python_end|>", 1);
      } else if (type === "python_output") {
        // At inference these come from the tool, not from the model.
        special("<|output_start|>", 0);
        add(tokenizer.encode(text), 0);
        special("<|output_end|>", 0);
      } else {
        add(tokenizer.encode(text), 1);
      }
    }
    special("<|assistant_end|>", 1);
  }
  return { ids: ids.slice(0, maxTokens), mask: mask.slice(0, maxTokens) };
}

/** Renders the prompt of a last answer; see {@linkcode Tokenizer.renderForCompletion}. */
export function renderForCompletion(
  tokenizer: Encoder,
  conversation: Conversation,
  maxTokens: number,
): number[] {
  const messages = messagesOf(conversation);
  const last = messages.length - 1;
  if (messages[last]?.role !== "assistant") {
    throw new UserError(
      `messages[${last}] is from "${messages[last]?.role}": a conversation to be completed must ` +
        `end with the assistant's message`,
    );
  }
  const { ids } = renderConversation(tokenizer, { messages: messages.slice(0, -1) }, maxTokens);
  return [...ids, tokenizer.encodeSpecial("<|assistant_start|>")];
}

function messagesOf(conversation: Conversation): Message[] {
  const messages = conversation?.messages;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new UserError("the conversation has no messages");
  }
  return messages;
}

/** Checks the messages and gives user and assistant turns, a system message merged into the first. */
function turnsOf(conversation: Conversation): Message[] {
  const messages = messagesOf(conversation);
  const hasSystem = messages[0]?.role === "system";
  const first = hasSystem ? 1 : 0;
  if (hasSystem && messages.length === 1) {
    throw new UserError("messages[0] is a system message and no user message follows it");
  }
  messages.forEach((message, index) => checkMessage(message, index, first));
  if (!hasSystem) return messages;
  const [system, user, ...rest] = messages;
  return [{ role: "user", content: `${system.content}\n\n${user.content}` }, ...rest];
}

/** Messages come from files, so their types are checked here whatever the compiler believes. */
function checkMessage(message: Message, index: number, first: number): void {
  const fail = (what: string) => {
    throw new UserError(`messages[${index}] ${what}`);
  };
  const role = index < first ? "system" : (index - first) % 2 === 0 ? "user" : "assistant";
  if (message?.role !== role) {
    fail(
      `is from "${message?.role}" and should be from "${role}": after an optional system ` +
        `message, user and assistant take turns`,
    );
  }
  const content: unknown = message.content;
  if (typeof content === "string") return;
  if (role !== "assistant") fail(`(${role}) must have a string as its content`);
  if (!Array.isArray(content)) fail("(assistant) must have a string or a list of parts as content");
  (content as unknown[]).forEach((part, at) => {
    const { type, text } = (part ?? {}) as Record<string, unknown>;
    if (!["text", "python", "python_output"].includes(type as string)) {
      fail(
        `has an unknown type "${type}" in content[${at}]: text, python or python_output is known`,
      );
    }
    if (typeof text !== "string") fail(`has no string as "text" in content[${at}]`);
  });
}
