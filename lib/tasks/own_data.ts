import type { Conversation } from "../conversation.ts";
import { optionError, UserError } from "../errors.ts";
import { conversationOf, type FormOptions, type RecognisedConversation } from "./forms/mod.ts";
import { readRecords } from "./records/mod.ts";
import { CompactRows } from "./rows.ts";
import { Task, type TaskSlice } from "./task.ts";

/** A file of conversations and how often to see it. */
export interface OwnData {
  /** Path of the file. */
  path: string;
  /** How often its conversations are in the mixture. */
  epochs: number;
}

/**
 * Reads how a file is named: a path, or `path:epochs`.
 *
 * @throws {UserError} If there is no path, or the epochs are no whole number from 1.
 *
 * @example
 * ```ts
 * import { parseOwnData } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseOwnData("own.jsonl:3"), { path: "own.jsonl", epochs: 3 });
 * assertEquals(parseOwnData("C:\\own.jsonl"), { path: "C:\\own.jsonl", epochs: 1 });
 * ```
 */
export function parseOwnData(value: string): OwnData {
  const [, path, epochs = "1"] = /^(.*?)(?::(-?[\d.]+))?$/s.exec(value)!;
  if (path === "" || !/^[1-9]\d*$/.test(epochs)) {
    throw optionError("data", "a file, or file:epochs with a whole number from 1", value);
  }
  return { path, epochs: Number(epochs) };
}

/** Conversations of a file that somebody brings, in its order: in any form that {@linkcode conversationOf} knows. */
export class OwnConversations extends Task {
  private constructor(
    private readonly path: string,
    private readonly rows: CompactRows,
    /** What a place is called, such as `line`, and the number of each conversation's. */
    private readonly places: { unit: string; numbers: readonly number[] },
    /** What the file is, for a person: how many conversations in which form. */
    readonly recognised: string,
    slice?: TaskSlice,
  ) {
    super(slice);
  }

  /**
   * Reads and checks a file.
   *
   * @param signal Breaks it off when aborted: its reason is thrown.
   * @throws {UserError} Naming the file, and the place in it that is wrong; or if it has no
   *   conversations.
   */
  static async load(
    path: string,
    how: FormOptions = {},
    slice?: TaskSlice,
    signal?: AbortSignal,
  ): Promise<OwnConversations> {
    const { kind, records } = await readRecords(path, signal);
    const rows = new CompactRows(path), forms = new Map<string, number>();
    let unit = "record";
    const numbers: number[] = [];
    for await (const { value, place } of records) {
      const { form, messages } = readRecord(value, how, `${path}, ${place}`);
      rows.add({ messages });
      forms.set(form, (forms.get(form) ?? 0) + 1);
      [unit] = place.split(" ");
      numbers.push(Number(place.slice(unit.length)));
    }
    if (rows.length === 0) throw new UserError(`${path} has no conversations`);
    const recognised = `${path}: ${describe(rows.length, kind, forms)}`;
    return new OwnConversations(path, rows, { unit, numbers }, recognised, slice);
  }

  /** How many conversations the file has. */
  protected override get numExamples(): number {
    return this.rows.length;
  }

  /** The rows. */
  protected override async source(): Promise<string> {
    return await this.rows.checksum();
  }

  /** The file and the place in it. */
  protected override place(index: number): string {
    const { unit, numbers } = this.places;
    return `${this.path}, ${unit} ${numbers[index]}`;
  }

  /** One conversation of the file. */
  protected override example(index: number): Conversation {
    return this.rows.get(index) as unknown as Conversation;
  }
}

/**
 * Reads one conversation of a file; what may be wrong with others is not looked at.
 *
 * @param number Which, from 1.
 * @param signal Breaks it off when aborted: its reason is thrown.
 * @throws {UserError} Naming the file, and what is wrong with that conversation; or if there is none.
 */
export async function loadConversation(
  path: string,
  number: number,
  how: FormOptions = {},
  signal?: AbortSignal,
): Promise<Conversation> {
  let count = 0;
  for await (const { value, place } of (await readRecords(path, signal)).records) {
    if (++count === number) return readRecord(value, how, `${path}, ${place}`);
  }
  throw new UserError(
    `${path} has no conversation ${number}; it has ${count}, counted from 1`,
  );
}

function readRecord(value: unknown, how: FormOptions, place: string): RecognisedConversation {
  try {
    return conversationOf(value, how);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message, detail } = error;
    throw new UserError(`${place}: ${message}`, { cause: error, detail });
  }
}

/** `20 conversations in JSON lines, as messages`. */
function describe(length: number, kind: string, forms: ReadonlyMap<string, number>): string {
  const count = (n: number) => n.toLocaleString("en-US");
  const all = `${count(length)} conversation${length === 1 ? "" : "s"} in ${kind}`;
  const names = [...forms];
  if (names.length === 1) return `${all}, as ${names[0][0]}`;
  return `${all}: ${names.map(([form, n]) => `${count(n)} as ${form}`).join(", ")}`;
}
