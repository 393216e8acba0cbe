/**
 * Messages of own files as turns: roles and contents whatever they are called.
 *
 * @module
 */
import { type ContentPart, saysNothing, TRAINED_KEYS, unreadKey } from "../../conversation.ts";
import { UserError } from "../../errors.ts";
import { isRecord } from "../../json.ts";
import { wordsFor } from "../../json_lines.ts";
import type { KeyMap } from "./key_map.ts";
import { parseNested } from "./nested_json.ts";

/** Who speaks, by the names that are in use. */
const ROLE_NAMES = {
  system: ["system", "developer"],
  user: ["user", "human", "prompter"],
  assistant: ["assistant", "gpt", "chatgpt", "bard", "bing", "model", "bot", "ai"],
  tool: ["tool", "function", "observation", "tool_response", "ipython"],
  call: ["function_call", "tool_call"],
} as const;

type Role = keyof typeof ROLE_NAMES;
const ROLES = new Map<string, Role>(
  Object.entries(ROLE_NAMES).flatMap(([role, names]) => names.map((name) => [name, role as Role])),
);

/** Keys of an assistant's message that hold what it calls: OpenAI's, and its older one. */
const CALL_KEYS = ["tool_calls", "function_call"];

/** What is read of each one's messages beside the role and the content. */
const ALSO_READ: Record<Role, readonly string[]> = {
  system: [],
  user: [],
  assistant: [...TRAINED_KEYS, ...CALL_KEYS],
  tool: ["tool_call_id"],
  call: TRAINED_KEYS,
};

/** Types of parts that are text. */
const TEXT_PARTS = ["text", "input_text", "output_text"];

/** Something an assistant calls. */
export interface Call {
  /** The key that it was in. */
  where: string;
  /** The function's name. */
  name: string;
  /** Its arguments, as text or as they are. */
  input: unknown;
  /** What tells the call from others. */
  id?: string;
}

/** A message, or several that are one. */
export interface Turn {
  /** Which message of its conversation it is, or begins with; from 1. */
  number: number;
  /** Who speaks. */
  role: "system" | "user" | "assistant" | "tool";
  /** The text, or for an assistant its parts. */
  content: string | ContentPart[];
  /** Whether an assistant's message is trained on, where it says so. */
  weight?: 0 | 1;
  /** What it calls. */
  calls?: Call[];
  /** The call that a tool's message answers, where it says so. */
  callId?: string;
  /** The function that it is the result of, where it says so. */
  callName?: string;
}

/**
 * Reads a message.
 *
 * @param given The message, with `role` and `content` or with `from` and `value`.
 * @param number Which of its conversation it is, from 1.
 * @param map Other names that the file has.
 * @throws {UserError} Says which message is wrong and how.
 */
export function turnOf(given: unknown, number: number, map?: KeyMap): Turn {
  const message = map ? map.message(given) : given;
  if (!isRecord(message)) throw new UserError(`message ${number} ${wordsFor(message)}`);
  const keys = {
    role: (message.role ?? null) !== null || message.from === undefined ? "role" : "from",
    content: (message.content ?? null) !== null || message.value === undefined
      ? "content"
      : "value",
  };
  const name = message[keys.role], known = roleOf(name, map);
  if (known === undefined) {
    const all = Object.keys(ROLE_NAMES).slice(0, -1).join(", ");
    const fault = (name ?? null) === null
      ? `${
        wordsFor(message)
      } and says not who speaks; expected "role" and "content", or "from" and "value"`
      : `is from ${
        JSON.stringify(name).slice(0, 80)
      }; who may speak is ${all}, or human, gpt and the like`;
    throw new UserError(`message ${number} ${fault}`, {
      detail: { kind: "ownData", remedy: "map" },
    });
  }
  const role = known === "call" ? "assistant" : known;
  const place = `message ${number} (${known === "call" ? name : role})`;
  const turn: Turn = { number, role, content: "" };
  const content = message[keys.content];
  if (role === "assistant") {
    const calls = known === "call"
      ? callsIn(content, keys.content, place)
      : callsOf(message, place);
    if (calls.length > 0) turn.calls = calls;
    const isLeftOut = known === "call" || calls.length > 0 && (content ?? null) === null;
    if (!isLeftOut) turn.content = assistantContent(content);
    const weight = weightOf(message, place);
    if (weight !== undefined) turn.weight = weight;
  } else {
    turn.content = textOf(content, place);
    if (role === "tool") {
      if (typeof message.tool_call_id === "string") turn.callId = message.tool_call_id;
      if (typeof message.name === "string") turn.callName = message.name;
    }
    checkUntrained(message, place);
  }
  const read = [keys.role, keys.content, ...ALSO_READ[known]];
  const fault = unreadKey(message, read, role === "assistant");
  if (fault) throw new UserError(`${place} ${fault}`);
  return turn;
}

function roleOf(name: unknown, map: KeyMap | undefined): Role | undefined {
  if (typeof name !== "string") return undefined;
  return ROLES.get(map?.role(name) ?? name.toLowerCase());
}

/** The text of a message that is not the assistant's, of its parts joined. */
function textOf(content: unknown, place: string): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) {
    throw new UserError(`${place} has no text as its content: it ${wordsFor(content)}`);
  }
  return content.map((part, i) => {
    if (!TEXT_PARTS.includes(part?.type)) {
      const type = JSON.stringify(part?.type) ?? "no type";
      throw new UserError(`${place} has ${type} as part ${i + 1}; only text is read`);
    }
    const fault = typeof part.text !== "string"
      ? `has no text in part ${i + 1}`
      : unreadKey(part, ["type", "text"], false);
    if (fault) throw new UserError(`${place} ${fault}`);
    return part.text;
  }).join("");
}

/** An assistant's content with the types that nanochat has; it is checked with its conversation. */
function assistantContent(content: unknown): string | ContentPart[] {
  if (!Array.isArray(content)) return content as string;
  return content.map((part) =>
    isRecord(part) && TEXT_PARTS.includes(part.type as string) ? { ...part, type: "text" } : part
  ) as ContentPart[];
}

/** Checks that a message that is not the assistant's does not ask to be trained on. */
function checkUntrained(message: Record<string, unknown>, place: string): void {
  for (const key of TRAINED_KEYS) {
    if (saysNothing(key, message[key], false)) continue;
    const value = JSON.stringify(message[key]);
    throw new UserError(
      `${place} has the key "${key}" of ${value}; only what the assistant says is trained on`,
    );
  }
}

/** What a message says of whether it is trained on. */
function weightOf(message: Record<string, unknown>, place: string): 0 | 1 | undefined {
  let weight: 0 | 1 | undefined;
  for (const key of TRAINED_KEYS) {
    const value = message[key];
    if (value === undefined || value === null || value === "") continue;
    if (![0, 1, false, true].includes(value as number | boolean)) {
      throw new UserError(`${place} has "${key}" ${JSON.stringify(value)}; it may be 0 or 1`);
    }
    const says = value ? 1 : 0;
    if (weight !== undefined && weight !== says) {
      throw new UserError(`${place} says both that it is trained on and that it is not`);
    }
    weight = says;
  }
  return weight;
}

/** What an assistant's message calls, as OpenAI has it. */
function callsOf({ tool_calls, function_call }: Record<string, unknown>, place: string): Call[] {
  const isOld = saysNothing("tool_calls", tool_calls, true);
  const isNew = saysNothing("function_call", function_call, true);
  if (isOld && isNew) return [];
  if (!isOld && !isNew) {
    throw new UserError(`${place} has both ${CALL_KEYS.join(" and ")}; keep one`);
  }
  const calls: unknown = isOld ? [function_call] : tool_calls;
  if (!Array.isArray(calls)) {
    throw new UserError(`${place} has "tool_calls" that ${wordsFor(calls)}; a list was expected`);
  }
  return calls.map((call) => callOf(call, CALL_KEYS[isOld ? 1 : 0], place));
}

/** What a message is that is a call itself: JSON with the function's name and its arguments. */
function callsIn(content: unknown, where: string, place: string): Call[] {
  const value = typeof content === "string" ? parseNested(content, `${place} is a call`) : content;
  return (Array.isArray(value) ? value : [value]).map((call) => callOf(call, where, place));
}

function callOf(value: unknown, where: string, place: string): Call {
  const call: Record<string, unknown> = isRecord(value) ? value : {};
  const called = isRecord(call.function) ? call.function : call;
  if (typeof called.name !== "string") {
    throw new UserError(`${place} calls what is no function with a name: it ${wordsFor(value)}`);
  }
  return {
    where,
    name: called.name,
    input: called.arguments,
    ...typeof call.id === "string" && call.id !== "" ? { id: call.id } : {},
  };
}
