/**
 * Conversations in the forms that files have them in: OpenAI's messages, ShareGPT, Alpaca, questions
 * with answers.
 *
 * @module
 */
import { checkMessages, type ContentPart, type Message, saysNothing } from "../../conversation.ts";
import { UserError } from "../../errors.ts";
import { isRecord } from "../../json.ts";
import type { KeyMap } from "./key_map.ts";
import { checkUnanswered, inSmallLetters, recognise } from "./record_forms.ts";
import { checkTools, joinCalls } from "./tools.ts";
import { type Turn, turnOf } from "./turns.ts";

export { KeyMap, parseKeyMap } from "./key_map.ts";

/** How records are read. */
export interface FormOptions {
  /** Other names that the file has for the usual ones. */
  map?: KeyMap;
  /** Whether messages that one role has in a row are joined, with an empty line between. */
  merge?: boolean;
  /** Which of the assistant's messages are trained on: all, or each conversation's last; all unless given. */
  train?: "all" | "last";
}

/** A conversation, and the form it was in. */
export interface RecognisedConversation {
  /** Its messages, as nanochat has them. */
  messages: Message[];
  /** What the form is called. */
  form: string;
}

/** Keys beside the messages that would change what is learned from them. */
const NOT_READ = new Set(
  ("documents images image videos video audios audio weight loss_weight sample_weight train training " +
    "trainable loss mask chat_template_kwargs reasoning_content reasoning thinking").split(" "),
);
/** Keys that declare what can be called. */
const TOOLS = ["tools", "functions"];

/**
 * Reads a record of a file as a conversation: one that {@linkcode checkMessages} takes, with a message
 * from the assistant at least; a user's message at the end is read but not trained on. Beside its
 * messages a record may hold what it likes, but nothing that would change what is learned.
 *
 * - Roles have their usual other names (human, gpt, developer, …).
 * - Calls of a calculator or Python, with their results, become parts of the assistant's message.
 * - `weight` 0 leaves an assistant's message out of the loss.
 *
 * @param value The record.
 * @throws {UserError} Says what is wrong, in which message, and which keys the record has where it is in
 *   no form.
 *
 * @example
 * ```ts
 * import { conversationOf } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const { form, messages } = conversationOf({
 *   conversations: [{ from: "human", value: "Hi" }, { from: "gpt", value: "Hello" }],
 * });
 * assertEquals(form, "conversations");
 * assertEquals(messages, [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }]);
 * ```
 */
export function conversationOf(value: unknown, how: FormOptions = {}): RecognisedConversation {
  const given = how.map ? how.map.record(value) : value;
  const record = isRecord(given) ? inSmallLetters(given) : given;
  const { form, system, messages: list } = recognise(record);
  const beside = isRecord(record) ? record : {};
  for (const key in beside) {
    if (!NOT_READ.has(key) || saysNothing(key, beside[key], true)) continue;
    throw new UserError(
      `has the key "${key}" beside its messages, which is not read; take it out if it may be lost`,
    );
  }
  const said = list.map((message, i) => turnOf(message, i + 1, how.map));
  if (system !== undefined) said.unshift({ number: 0, role: "system", content: system });
  const turns = joinCalls(said);
  for (const key of TOOLS) if (!saysNothing(key, beside[key], true)) checkTools(key, beside[key]);
  const arranged = how.merge ? joinNeighbours(turns) : turns;
  const messages = checkMessages(
    arranged.map(({ role, content, weight }) =>
      weight === undefined ? { role, content } : { role, content, weight }
    ),
    arranged.map(({ number }) => number),
  );
  if (messages.at(-1)!.role === "user") checkUnanswered(beside);
  if (!messages.some(({ role }) => role === "assistant")) {
    throw new UserError(`a conversation to train on needs a message from "assistant"`);
  }
  return { form, messages: how.train === "last" ? onlyLast(messages) : messages };
}

/** Joins what one role says in several messages. */
function joinNeighbours(turns: readonly Turn[]): Turn[] {
  const joined: Turn[] = [];
  for (const turn of turns) {
    const before = joined.at(-1);
    if (before?.role !== turn.role) {
      joined.push({ ...turn });
      continue;
    }
    if ((before.weight ?? 1) !== (turn.weight ?? 1)) {
      throw new UserError(
        `message ${turn.number} (${turn.role}) has another weight than the one it would be joined to`,
      );
    }
    before.content = joinContents(before.content, turn.content);
  }
  return joined;
}

function joinContents(first: Turn["content"], second: Turn["content"]): Turn["content"] {
  if (typeof first === "string" && typeof second === "string") return `${first}\n\n${second}`;
  const parts = (content: Turn["content"]): ContentPart[] =>
    typeof content === "string" ? [{ type: "text", text: content }] : content;
  return [...parts(first), { type: "text", text: "\n\n" }, ...parts(second)];
}

/** Leaves all but the last message that is trained on out of the loss. */
function onlyLast(messages: readonly Message[]): Message[] {
  const last = messages.findLastIndex(({ role, weight }) => role === "assistant" && weight !== 0);
  return messages.map((message, i) =>
    message.role === "assistant" && i !== last ? { ...message, weight: 0 } : message
  );
}
