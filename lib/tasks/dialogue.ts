import { checkMessages, type Message } from "../conversation.ts";
import { UserError } from "../errors.ts";

/**
 * Checks that a value is a conversation to train on: messages as {@linkcode checkMessages} has
 * them, one from the assistant at least. A user's message at the end is read but not trained on.
 *
 * @throws {UserError} Says which message is wrong and how.
 */
export function checkDialogue(value: unknown): Message[] {
  const messages = checkMessages(value);
  if (!messages.some(({ role }) => role === "assistant")) {
    throw new UserError(`a conversation to train on needs a message from "assistant"`);
  }
  return messages;
}
