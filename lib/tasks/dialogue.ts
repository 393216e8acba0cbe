import { checkMessages, type Message, saysNothing } from "../conversation.ts";
import { UserError } from "../errors.ts";
import { wordsFor } from "../json_lines.ts";

const EXPECTED = 'expected a list of messages, [{"role": "user", "content": "…"}, …], ' +
  'or an object that has it as "messages"';

/** Keys beside the messages that would change what is learned from them. */
const NOT_READ = (
  "system system_prompt tools functions documents images image videos video audios audio weight " +
  "loss_weight sample_weight train training trainable loss mask chat_template_kwargs"
).split(" ");

/**
 * The messages of a row of a dataset, which is a list of them or has it as `messages`. They are as
 * {@linkcode checkMessages} has them, one from the assistant at least; a user's message at the end
 * is read but not trained on. Beside the list a row may hold what it likes, but nothing that would
 * change what is learned, such as `tools`.
 *
 * @throws {UserError} Says what is wrong, and which keys the row has where that is its form.
 */
export function dialogueOf(row: unknown): Message[] {
  const messages: unknown = Array.isArray(row) ? row : Object(row).messages;
  if (messages === undefined) throw new UserError(`${wordsFor(row)}; ${EXPECTED}`);
  if (!Array.isArray(messages)) {
    throw new UserError(`has "messages" that ${wordsFor(messages)}; ${EXPECTED}`);
  }
  if (messages.length > 0 && !messages.some((message) => Object(message).role)) {
    throw new UserError(`has a list of which the first item ${wordsFor(messages[0])}; ${EXPECTED}`);
  }
  const given = Object(row);
  const key = NOT_READ.find((key) => !saysNothing(key, given[key], true));
  if (key) {
    throw new UserError(
      `has the key "${key}" beside its messages, which is not read; take it out if it may be lost`,
    );
  }
  const checked = checkMessages(messages);
  if (!checked.some(({ role }) => role === "assistant")) {
    throw new UserError(`a conversation to train on needs a message from "assistant"`);
  }
  return checked;
}
