/** What a browser keeps for the page: conversations and settings for every tab, the rest for one. */
import type { Conversation } from "./conversation.ts";

/** Where texts are kept by name, as a browser's storage does. */
export type Texts = Pick<
  Storage,
  "getItem" | "setItem" | "removeItem" | "key" | "length"
>;

const PREFIX = "nanochat.";
const CONVERSATION = `${PREFIX}conversation.`;

/**
 * Keeps values in a browser's storage. A storage that is blocked, full or holds something else is
 * never an error: `isKept` says whether the last value could be kept.
 */
export class Keep {
  /** Whether the value that was last to be kept is. */
  isKept = true;
  readonly #texts: Texts | undefined;

  /** @param open Gives the storage; browsers throw where it is blocked. */
  constructor(open: () => Texts) {
    try {
      this.#texts = open();
    } catch {
      this.isKept = false;
    }
  }

  /** A value that was kept; undefined where there is none. */
  get(name: string): unknown {
    return this.#read(PREFIX + name);
  }

  /** Keeps a value. */
  set(name: string, value: unknown): void {
    this.#write(PREFIX + name, value);
  }

  /** The conversations that were kept, the last changed first. */
  conversations(): Conversation[] {
    const found: Conversation[] = [];
    for (let i = 0; i < (this.#texts?.length ?? 0); i++) {
      const key = this.#texts!.key(i)!;
      const value = key.startsWith(CONVERSATION) ? this.#read(key) : undefined;
      if (isConversation(value)) found.push(value);
    }
    return found.sort((a, b) => b.updated - a.updated);
  }

  /** Keeps a conversation: each under its own name, so that two tabs can keep two of them. */
  setConversation(conversation: Conversation): void {
    this.#write(CONVERSATION + conversation.id, conversation);
  }

  /** Forgets a conversation. */
  removeConversation(id: string): void {
    this.#texts?.removeItem(CONVERSATION + id);
  }

  #read(key: string): unknown {
    try {
      return JSON.parse(this.#texts?.getItem(key) ?? "null") ?? undefined;
    } catch {
      return undefined;
    }
  }

  #write(key: string, value: unknown): void {
    try {
      this.#texts?.setItem(key, JSON.stringify(value));
      this.isKept = this.#texts !== undefined;
    } catch {
      this.isKept = false;
    }
  }
}

function isConversation(value: unknown): value is Conversation {
  if (typeof value !== "object" || value === null) return false;
  const { id, system, messages, updated } = value as Partial<Conversation>;
  return typeof id === "string" && typeof system === "string" && typeof updated === "number" &&
    Array.isArray(messages) &&
    messages.every((message) =>
      message?.role === "user" && typeof message.text === "string" ||
      message?.role === "assistant" && Array.isArray(message.parts)
    );
}
