import type { Conversation } from "../conversation.ts";
import { readJsonLines } from "../json_lines.ts";
import { conversationOf } from "./forms/mod.ts";
import { CompactRows } from "./rows.ts";
import { Task, type TaskSlice } from "./task.ts";

/**
 * Conversations from a file of JSON lines, in its order. A line is a list of messages,
 * `[{"role": "user", "content": "Hi"}, …]`, or an object that has such a list as `messages`.
 * nanochat's identity conversations are one.
 */
export class CustomJSON extends Task {
  readonly #rows: CompactRows;

  private constructor(private readonly name: string, rows: CompactRows, slice?: TaskSlice) {
    super(slice);
    this.#rows = rows;
  }

  /**
   * Reads and checks all lines. What a line holds beside its messages is dropped, but refused if it
   * would change what is learned.
   *
   * @param stream The file, from `openFile` or a source's `open`.
   * @param name What to call the file in errors.
   * @throws {UserError} Naming the line that is not JSON or not a conversation.
   */
  static async load(
    stream: ReadableStream<Uint8Array>,
    name: string,
    slice?: TaskSlice,
  ): Promise<CustomJSON> {
    const rows = new CompactRows(name);
    const lines = readJsonLines(
      stream,
      name,
      (value) => ({ messages: conversationOf(value).messages }),
    );
    for await (const conversation of lines) rows.add(conversation);
    return new CustomJSON(name, rows, slice);
  }

  /** How many conversations the file has. */
  protected override get numExamples(): number {
    return this.#rows.length;
  }

  /** The rows. */
  protected override async source(): Promise<string> {
    return await this.#rows.checksum();
  }

  /** The file and the conversation's number in it, counted from 1 as its lines are. */
  protected override place(index: number): string {
    return `${this.name}, conversation ${index + 1}`;
  }

  /** One conversation of the file. */
  protected override example(index: number): Conversation {
    return this.#rows.get(index) as unknown as Conversation;
  }
}
