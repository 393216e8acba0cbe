/**
 * The shape of a conversation, shared by the tasks that make them and the tokenizer that renders
 * them. It is the JSON that nanochat's datasets hold.
 *
 * @module
 */
import { UserError } from "./errors.ts";
import { wordsFor } from "./json_lines.ts";

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
  /** 0 for an assistant's message that is read and not trained on; nanochat trains on all. */
  weight?: 0 | 1;
}

/** A conversation, with whatever further fields its task keeps for evaluation. */
export interface Conversation {
  /** The turns, in order. */
  messages: Message[];
}

const PART_TYPES = ["text", "python", "python_output"];

/** Keys of a message that say whether it is trained on; in nanochat its role alone decides. */
export const TRAINED_KEYS: readonly string[] = ["weight", "train", "training", "trainable", "loss"];

/** Keys of a message that are read, and of one that has a weight. */
const READ = ["role", "content"], READ_WEIGHED = [...READ, "weight"];

/** Keys of a message or a part that say nothing that a model could learn. */
const HARMLESS_KEYS = new Set(
  ("id uuid message_id parent_id conversation_id index turn position name author user source " +
    "origin dataset url model model_name created created_at updated_at timestamp date time lang " +
    "language metadata meta extra tokens token_count num_tokens usage finish_reason stop_reason " +
    "score rating quality labels tags annotations annotator status channel").split(" "),
);

/**
 * Whether a value of a file says nothing: null, and text, a list or an object that are empty; or
 * that something is trained on exactly as it would be without it.
 */
export function saysNothing(key: string, value: unknown, isTrained: boolean): boolean {
  if (value === null || value === undefined || value === "") return true;
  if (typeof value === "object") return Object.keys(value).length === 0;
  return TRAINED_KEYS.includes(key) && (value === isTrained || value === Number(isTrained));
}

/**
 * Checks that a value, of a file for instance, is a list of messages: an optional system message,
 * then user and assistant in turns. It may end with the user, as some of nanochat's identity
 * conversations do. An assistant's message may have the `weight` 0 or 1. What it holds besides must be
 * empty or known to change nothing (`id`, `name`, `source`, …): `tool_calls` would be lost without a
 * word.
 *
 * @param numbers What to call each message in errors; its place from 1 unless given.
 * @returns The messages, without what else they hold.
 * @throws {UserError} Says which message is wrong and how.
 */
export function checkMessages(value: unknown, numbers?: readonly number[]): Message[] {
  if (!Array.isArray(value)) throw new UserError("messages are not a list");
  const first = value[0]?.role === "system" ? 1 : 0;
  if (value.length === first) {
    throw new UserError(`a conversation needs a message from "user", and this has none`);
  }
  return value.map((message, i) => {
    const number = numbers?.[i] ?? i + 1;
    const role = i < first ? "system" : (i - first) % 2 === 0 ? "user" : "assistant";
    if (message?.role !== role) {
      const found = (JSON.stringify(message?.role) ?? "nobody").slice(0, 80);
      const isAgain = i > 0 && message?.role === value[i - 1].role;
      throw new UserError(
        `message ${number} is from ${found} and should be from "${role}": after an optional ` +
          "system message, user and assistant take turns",
        isAgain ? { detail: { kind: "ownData", remedy: "merge" } } : undefined,
      );
    }
    const isWeighed = role === "assistant" && (message.weight === 0 || message.weight === 1);
    const read = isWeighed ? READ_WEIGHED : READ;
    const fault = faultOf(message.content, role) ??
      unreadKey(message, read, role === "assistant");
    if (fault) throw new UserError(`message ${number} (${role}) ${fault}`);
    const { content } = message;
    return isWeighed && message.weight === 0 ? { role, content, weight: 0 } : { role, content };
  });
}

/** What is wrong with a message's content, if anything. */
function faultOf(content: unknown, role: Message["role"]): string | undefined {
  if (typeof content === "string") return undefined;
  if (role !== "assistant") return `has no text as its content: it ${wordsFor(content)}`;
  if (!Array.isArray(content) || content.length === 0) {
    return "has neither text nor a list of parts as its content";
  }
  for (const [i, part] of content.entries()) {
    if (!PART_TYPES.includes(part?.type)) {
      const type = JSON.stringify(part?.type) ?? "no type";
      return `has ${type} as part ${i + 1}; known are ${PART_TYPES.join(", ")}`;
    }
    if (typeof part.text !== "string") return `has no text in part ${i + 1}`;
    const fault = unreadKey(part, ["type", "text"], part.type !== "python_output");
    if (fault) return `${fault}, in part ${i + 1}`;
  }
  return undefined;
}

/**
 * Says which key of a message or a part would change what is trained and is not read, in words that
 * continue its place; undefined where there is none.
 *
 * @param read Keys that are read.
 * @param isTrained Whether it is trained on anyway.
 */
export function unreadKey(
  value: object,
  read: readonly string[],
  isTrained: boolean,
): string | undefined {
  const fields = value as Record<string, unknown>;
  for (const key in fields) {
    if (read.includes(key) || HARMLESS_KEYS.has(key)) continue;
    if (saysNothing(key, fields[key], isTrained)) continue;
    return `has the key ${JSON.stringify(key)}, which is not read; take it out if it may be lost`;
  }
  return undefined;
}
