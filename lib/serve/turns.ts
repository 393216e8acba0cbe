/**
 * The messages of a request as the chat format knows them.
 *
 * @module
 */
import type { ContentPart, Message } from "../conversation.ts";
import { readPartMarks } from "../engine/mod.ts";
import { ApiError } from "./api_error.ts";

/** A message of a request, its content read. */
export interface GivenMessage {
  /** Who speaks. */
  role: "system" | "user" | "assistant";
  /** The text, or for an assistant its parts. */
  content: string | ContentPart[];
}

/**
 * Messages in the order that a model knows: the system's, then user and assistant in turns, the user
 * last. Neighbours of one role become one message with an empty line between, so that nothing is
 * lost. Tool use that stands in an assistant's text as `[6*7 = 42]`, as answers show it, is the
 * tool use that it was.
 *
 * @throws {ApiError} if there is no message, an assistant begins, a system message comes later, or
 * the last message is not the user's.
 */
export function turnsOf(given: readonly GivenMessage[]): Message[] {
  const turns: { role: GivenMessage["role"]; parts: ContentPart[] }[] = [];
  given.forEach(({ role, content }, i) => {
    const last = turns.at(-1);
    const param = `messages[${i}].role`;
    if (role === "system" && last !== undefined && last.role !== "system") {
      throw new ApiError("a system message must come before all others", { param });
    }
    if (role === "assistant" && (last === undefined || last.role === "system")) {
      throw new ApiError("the first message, or the first after the system's, must be the user's", {
        param,
      });
    }
    const parts = partsOf(role, content);
    if (last?.role !== role) {
      turns.push({ role, parts: [...parts] });
      return;
    }
    // In place: a request has room for 35,000 messages, and what is copied for each takes seconds.
    last.parts.push({ type: "text", text: "\n\n" });
    for (const part of parts) last.parts.push(part);
  });
  if (turns.at(-1)?.role !== "user") {
    throw new ApiError("the last message must be the user's", { param: "messages" });
  }
  return turns.map(({ role, parts }) => ({ role, content: contentOf(role, parts) }));
}

function partsOf(role: GivenMessage["role"], content: string | ContentPart[]): ContentPart[] {
  if (typeof content !== "string") return content;
  return role === "assistant" ? readPartMarks(content) : [{ type: "text", text: content }];
}

/** Parts with neighbours of one type joined: the tokenizer would split them where text does not. */
function contentOf(role: GivenMessage["role"], parts: ContentPart[]): string | ContentPart[] {
  if (role !== "assistant") return parts.map(({ text }) => text).join("");
  const joined: ContentPart[] = [];
  for (const { type, text } of parts) {
    const last = joined.at(-1);
    // Two results or expressions are two uses of the tool.
    if (type === "text" && last?.type === "text") last.text += text;
    else joined.push({ type, text });
  }
  return joined.length === 0 ? "" : joined;
}
