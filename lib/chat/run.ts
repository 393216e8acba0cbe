/**
 * Talking with a checkpoint.
 *
 * @module
 */
import type { DeviceChoice } from "../device/mod.ts";
import { type ChatEvent, ChatSession, Engine, type SamplingOptions } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import type { Terminal } from "../tracking/mod.ts";
import { type ModelOptions, type RunIo, withModel } from "../training/mod.ts";

/** How a model answers; each is the command line's flag of the same name. */
export interface ChatSettings extends Required<SamplingOptions> {
  /** Most tokens of an answer. */
  maxNewTokens: number;
}

/** What {@link runChat} can be told. */
export interface RunChatOptions extends ChatSettings, ModelOptions, DeviceChoice {
  /** A single question; without it there is a conversation. */
  prompt?: string;
}

/** The world around a conversation. */
export interface ChatIo extends Pick<RunIo, "terminal" | "baseDir" | "now"> {
  /** Shows text as it comes. */
  write(text: string): void;
  /** The next line that the person types; undefined when there are no more. */
  readLine(): Promise<string | undefined>;
  /** Tells of an error that the next question may not meet. */
  tell(error: UserError): void;
  /** Runs an answer with a signal that is aborted when the person wants it to stop. */
  interruptible(answer: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

const HELP = "Ctrl-C stops an answer, Ctrl-D leaves, /clear begins a new conversation.";

/**
 * Answers one question, or talks until there are no more lines.
 *
 * @throws {UserError} for whatever a person can mend.
 */
export async function runChat(options: RunChatOptions, io: ChatIo): Promise<void> {
  await withModel(options, io, async ({ model, tokenizer }) => {
    const engine = new Engine(model, tokenizer);
    const chat = new ChatSession(engine, tokenizer, options);
    const answer = (question: string) =>
      io.interruptible(async (signal) => {
        const printer = new AnswerPrinter(io);
        for await (const event of chat.ask(question, signal)) printer.show(event);
        printer.end(signal.aborted);
      });
    try {
      if (options.prompt === undefined) await talk(chat, answer, io);
      else await answer(options.prompt);
    } finally {
      engine.free();
    }
  });
}

async function talk(
  chat: ChatSession,
  answer: (question: string) => Promise<void>,
  io: ChatIo,
): Promise<void> {
  io.terminal.info(HELP);
  for (let line; (line = await io.readLine()) !== undefined;) {
    const question = line.trim();
    if (question === "/clear") chat.clear();
    else if (question !== "") {
      try {
        await answer(question);
      } catch (error) {
        // Such as a question that is longer than the context: the next may be shorter.
        if (!(error instanceof UserError) || isLasting(error)) throw error;
        io.tell(error);
      }
    }
  }
}

/** Whether every other question would meet the error as well. */
function isLasting({ detail }: UserError): boolean {
  return detail !== undefined && ["deviceLost", "threadLost", "notFinite"].includes(detail.kind);
}

/** Characters that a terminal would obey instead of showing them. */
const CONTROL = /[^\P{Cc}\n\t]/gu;

/** Prints an answer as it comes, expressions and their results as `[6*7 = 42]`. */
class AnswerPrinter {
  readonly #write: (text: string) => void;
  readonly #terminal: Terminal;
  #type: "text" | "python" | "python_output" = "text";

  constructor({ write, terminal }: ChatIo) {
    this.#write = write;
    this.#terminal = terminal;
  }

  /** Prints what an event adds. */
  show(event: ChatEvent): void {
    if (event.type === "dropped") {
      const turns = event.turns === 1 ? "turn was" : `${event.turns} turns were`;
      this.#note(`(the context is full: the oldest ${turns} forgotten)\n`);
    } else if (event.type === "cut") {
      this.#change("text");
      this.#note(" (cut off here; the length of an answer and the context set the limit)");
    } else {
      this.#change(event.type);
      const text = event.text.replaceAll(CONTROL, "\ufffd");
      this.#write(event.type === "text" ? text : this.#terminal.style("cyan", text));
    }
  }

  /** Ends the answer. */
  end(stopped: boolean): void {
    this.#change("text");
    if (stopped) this.#note(" (stopped)");
    this.#write("\n");
  }

  #change(type: "text" | "python" | "python_output"): void {
    if (type === this.#type) return;
    const opening = this.#type === "text" ? "[" : "";
    const mark = type === "text" ? "]" : type === "python_output" ? `${opening} = ` : "[";
    this.#write(this.#terminal.style("cyan", mark));
    this.#type = type;
  }

  #note(text: string): void {
    if (!this.#terminal.quiet) this.#write(this.#terminal.style("dim", text));
  }
}
