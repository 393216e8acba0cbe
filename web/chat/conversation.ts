/** Conversations as the page keeps them and as the server is told them. */

/** A piece of an answer: text, a program that the model wrote, or what it gave. */
export interface Part {
  type: "text" | "python" | "python_output";
  text: string;
}

/** Why an answer was not given, or not to its end. */
export interface Problem {
  /** `key`: the server wants one; `gone`: it cannot be reached; `refused`: it says what is wrong. */
  kind: "key" | "gone" | "refused";
  /** In words, for a person. */
  text: string;
}

/** What a person said. */
export interface UserMessage {
  role: "user";
  text: string;
}

/** What the model said. */
export interface AssistantMessage {
  role: "assistant";
  parts: readonly Part[];
  /** Unless given, the answer is still coming, or failed. `length`: the tokens were used up. */
  end?: "stop" | "length" | "stopped";
  problem?: Problem;
  /** How many of the oldest turns the model was not told, for want of room. */
  droppedTurns?: number;
  /** Tokens of the answer. */
  tokens?: number;
  /** Seconds from its first token to its last. */
  seconds?: number;
}

/** A message of a conversation. */
export type Message = UserMessage | AssistantMessage;

/** A conversation: messages of a person and the model in turn, a person's first. */
export interface Conversation {
  id: string;
  /** As a person named it; unless given, its first message is its name. */
  title?: string;
  /** What the model is told before everything else. */
  system: string;
  messages: readonly Message[];
  /** When it was last changed, in milliseconds since 1970. */
  updated: number;
}

/** A message as the server reads it. */
export interface RequestMessage {
  role: "system" | "user" | "assistant";
  content: string | readonly Part[];
}

/** An empty conversation. */
export function newConversation(): Conversation {
  // Not `randomUUID`, which browsers keep from pages that came over plain http.
  const id = crypto.getRandomValues(new Uint32Array(2)).join("-");
  return { id, system: "", messages: [], updated: Date.now() };
}

/** What a conversation is called. */
export function titleOf({ title, messages }: Conversation): string {
  if (title) return title;
  const [first] = messages;
  const line = first?.role === "user" ? first.text.trim().replace(/\s+/g, " ") : "";
  if (line === "") return "New chat";
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}

/** An answer's text, with what it computed as `[6*7 = 42]`. */
export function textOf(parts: readonly Part[]): string {
  return parts.map(({ type, text }, i) => {
    if (type === "text") return text;
    if (type === "python_output") return ` = ${text}]`;
    return `[${text}${parts[i + 1]?.type === "python_output" ? "" : "]"}`;
  }).join("");
}

/** Adds a piece that came; pieces of one type follow each other as one part. */
export function addPart(parts: readonly Part[], added: Part): readonly Part[] {
  const last = parts.at(-1);
  if (last?.type !== added.type) return [...parts, added];
  return [...parts.slice(0, -1), { type: last.type, text: last.text + added.text }];
}

/** What the server is told; a question that got no answer is left out, but for the last message. */
export function requestMessages({ system, messages }: Conversation): RequestMessage[] {
  const told: RequestMessage[] = [];
  if (system.trim() !== "") told.push({ role: "system", content: system });
  for (const message of messages) {
    if (message.role === "user") {
      if (told.at(-1)?.role === "user") told.pop();
      told.push({ role: "user", content: message.text });
    } else if (message.parts.length > 0) {
      const isPlain = message.parts.every(({ type }) => type === "text");
      const content = isPlain ? textOf(message.parts) : message.parts;
      told.push({ role: "assistant", content });
    }
  }
  return told;
}
