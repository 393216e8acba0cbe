/**
 * The messages of a chat request.
 *
 * @module
 */
import type { ContentPart, Message } from "../../conversation.ts";
import { isRecord } from "../../json.ts";
import { ApiError } from "../api_error.ts";
import { fieldError } from "../fields.ts";
import { type GivenMessage, turnsOf } from "../turns.ts";

/** The roles that are known; a developer is what the system is called for some models. */
const ROLES: Readonly<Record<string, GivenMessage["role"]>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
};
/** Kinds of parts, and what each is to the chat format. */
const TEXT_TYPES = ["text", "input_text", "output_text"];
const TOOL_TYPES = ["python", "python_output"];

/**
 * Reads the field `messages`. A message's content is text or a list of parts: of a user those of type
 * `text` or `input_text`, each on a line of its own; of an assistant also `python` and
 * `python_output`, which follow each other as they are.
 *
 * @returns The turns as `turnsOf` orders and joins them.
 * @throws {ApiError} naming the message and what is wrong with it.
 */
export function readMessages(value: unknown): Message[] {
  if (!Array.isArray(value) || value.length === 0) {
    throw fieldError("messages", "a list of at least one message", value);
  }
  return turnsOf(value.map((message, i) => readMessage(message, `messages[${i}]`)));
}

function readMessage(message: unknown, param: string): GivenMessage {
  if (!isRecord(message)) throw fieldError(param, "an object", message);
  const { role, content } = message;
  if (role === "tool" || role === "function") {
    throw new ApiError(`${param} is a tool's result; this model calls no tools of a client`, {
      param: `${param}.role`,
      code: "unsupported_value",
    });
  }
  if (typeof role !== "string" || !Object.hasOwn(ROLES, role)) {
    throw fieldError(`${param}.role`, Object.keys(ROLES).join(", "), role);
  }
  for (const call of ["tool_calls", "function_call", "audio"]) {
    const given = message[call] ?? [];
    if (Array.isArray(given) && given.length === 0) continue;
    throw new ApiError(`${param}.${call} is not supported`, {
      param: `${param}.${call}`,
      code: "unsupported_parameter",
    });
  }
  return { role: ROLES[role], content: readContent(content, ROLES[role], `${param}.content`) };
}

function readContent(
  content: unknown,
  role: GivenMessage["role"],
  param: string,
): string | ContentPart[] {
  if (typeof content === "string") return content;
  // An answer that was stopped at once is empty, a question never is.
  if (!Array.isArray(content) || content.length === 0 && role !== "assistant") {
    throw fieldError(param, "text or a list of text parts", content ?? undefined);
  }
  const parts = content.map((part, i) => readPart(part, role, `${param}[${i}]`));
  return role === "assistant" ? parts : parts.map(({ text }) => text).join("\n");
}

function readPart(part: unknown, role: GivenMessage["role"], param: string): ContentPart {
  if (!isRecord(part)) throw fieldError(param, "an object", part);
  const { type, text } = part;
  const isTool = role === "assistant" && TOOL_TYPES.includes(type as string);
  if (!isTool && !TEXT_TYPES.includes(type as string)) {
    const shown = (JSON.stringify(type) ?? "no type").slice(0, 60);
    throw new ApiError(`${param} is of type ${shown}; this model reads text alone`, {
      param: `${param}.type`,
      code: "unsupported_value",
    });
  }
  if (typeof text !== "string") throw fieldError(`${param}.text`, "text", text);
  return { type: isTool ? type as ContentPart["type"] : "text", text };
}
