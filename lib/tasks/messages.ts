import type { Message } from "../conversation.ts";
import { UserError } from "../errors.ts";

const PART_TYPES = ["text", "python", "python_output"];

/**
 * Checks that a value is a list of messages: an optional system message, then at least two in
 * which user and assistant take turns. It may end with the user, as some of nanochat's identity
 * conversations do: that turn is read but not trained on.
 *
 * @throws {UserError} Says which message is wrong and how.
 */
export function checkMessages(value: unknown): Message[] {
  if (!Array.isArray(value)) throw new UserError("messages are not a list");
  const system = value[0]?.role === "system" ? 1 : 0;
  if (value.length - system < 2) {
    throw new UserError("a conversation needs a user's and an assistant's message at least");
  }
  return value.map((message, i) => {
    const role = i < system ? "system" : (i - system) % 2 === 0 ? "user" : "assistant";
    if (message?.role !== role) {
      const found = JSON.stringify(message?.role) ?? "none";
      throw new UserError(`message ${i + 1} should have the role "${role}", not ${found}`);
    }
    if (!isContent(message.content, role)) {
      throw new UserError(`message ${i + 1} has no text in "content"`);
    }
    return { role, content: message.content };
  });
}

/** Text, or an assistant's list of parts. */
function isContent(content: unknown, role: string): boolean {
  if (typeof content === "string") return true;
  return role === "assistant" && Array.isArray(content) && content.length > 0 &&
    content.every((part) => PART_TYPES.includes(part?.type) && typeof part.text === "string");
}
