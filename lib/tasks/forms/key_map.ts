/**
 * Other names that own files have for the usual ones.
 *
 * @module
 */
import { optionError, UserError } from "../../errors.ts";
import { isRecord } from "../../json.ts";

/** Keys of a record, and of its messages, that may be called otherwise. */
const RECORD_KEYS = (
  "messages conversations instruction input output history system prompt completion question answer " +
  "tools"
).split(" ");
const MESSAGE_KEYS = ["role", "content", "weight"];
/** Roles whose names may be others. */
const ROLES = ["system", "user", "assistant", "tool"];

/** The names of a file by the usual ones. */
export class KeyMap {
  readonly #record = new Map<string, string>();
  readonly #message = new Map<string, string>();
  readonly #roles = new Map<string, string>();
  readonly #unseen = new Set<string>();

  /** Pairs of a usual name and the file's. */
  constructor(pairs: readonly (readonly [usual: string, own: string])[]) {
    for (const [usual, own] of pairs) {
      if (RECORD_KEYS.includes(usual)) this.#record.set(own, usual);
      if (MESSAGE_KEYS.includes(usual)) this.#message.set(own, usual);
      if (ROLES.includes(usual)) this.#roles.set(own, usual);
      // What is a role too need not be a key.
      else this.#unseen.add(own);
    }
  }

  /** A record with the usual keys. */
  record(value: unknown): unknown {
    return this.#rename(value, this.#record);
  }

  /** A message with the usual keys. */
  message(value: unknown): unknown {
    return this.#rename(value, this.#message);
  }

  /** The usual name of a role, if it was given another. */
  role(name: string): string | undefined {
    return this.#roles.get(name);
  }

  /**
   * Checks that every key was there.
   *
   * @throws {UserError} naming one that no record had.
   */
  checkSeen(): void {
    for (const own of this.#unseen) {
      throw new UserError(`no record of own data has the key ${JSON.stringify(own)}`);
    }
  }

  #rename(value: unknown, names: ReadonlyMap<string, string>): unknown {
    if (names.size === 0 || !isRecord(value)) return value;
    const there = [...names].filter(([own]) => Object.hasOwn(value, own));
    const renamed = { ...value };
    // All go before any is set: names may be exchanged.
    for (const [own] of there) {
      this.#unseen.delete(own);
      delete renamed[own];
    }
    for (const [own, usual] of there) renamed[usual] = value[own];
    return renamed;
  }
}

/**
 * Reads what the names of files are: `messages=dialog,role=speaker,user=Customer`, the usual name
 * first.
 *
 * @throws {UserError} for what is no such pair, or a usual name that there is not.
 *
 * @example
 * ```ts
 * import { parseKeyMap } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const names = parseKeyMap("question=q,answer=a");
 * assertEquals(names.record({ q: "Why?", a: "So." }), { question: "Why?", answer: "So." });
 * ```
 */
export function parseKeyMap(text: string): KeyMap {
  const known = [...new Set([...RECORD_KEYS, ...MESSAGE_KEYS, ...ROLES])];
  const pairs = text.split(",").map((pair) => {
    const [, usual, own] = /^\s*(\w+)\s*=\s*(.+?)\s*$/.exec(pair) ?? [];
    if (usual === undefined || !known.includes(usual)) {
      const wanted = `pairs such as messages=dialog,role=speaker, of ${known.join(", ")}`;
      throw optionError("dataMap", wanted, text);
    }
    return [usual, own] as const;
  });
  const twice = pairs.find(([usual], i) => pairs.findIndex(([other]) => other === usual) < i);
  if (twice) throw optionError("dataMap", `one name for ${twice[0]}`, text);
  return new KeyMap(pairs);
}
