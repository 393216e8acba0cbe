/**
 * Talking with a checkpoint.
 *
 * @module
 */
import type { DeviceChoice } from "../device/mod.ts";
import { ChatSession, Engine, type SamplingOptions } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { type ModelOptions, type RunIo, type WeightOptions, withModel } from "../training/mod.ts";
import { type AnswerOutput, AnswerPrinter } from "./answer_printer.ts";

/** How a model answers; each is the command line's flag of the same name. */
export interface ChatSettings extends Required<SamplingOptions> {
  /** Most tokens of an answer. */
  maxNewTokens: number;
}

/** What {@link runChat} can be told. */
export interface RunChatOptions extends ChatSettings, ModelOptions, WeightOptions, DeviceChoice {
  /** A single question; without it there is a conversation. */
  prompt?: string;
}

/** The world around a conversation. */
export interface ChatIo
  extends AnswerOutput, Pick<RunIo, "terminal" | "baseDir" | "now" | "advice"> {
  /** What the person says next, of one line or more; undefined when there is no more. */
  readLine(): Promise<string | undefined>;
  /** Tells of an error that the next question may not meet. */
  tell(error: UserError): void;
  /** Runs an answer with a signal that is aborted when the person wants it to stop. */
  interruptible(answer: (signal: AbortSignal) => Promise<void>): Promise<void>;
}

const HINT = "Ctrl-C stops an answer, Ctrl-D leaves, /help lists what else there is.";
const HELP = [
  "/clear begins a new conversation; so does clear.",
  "/quit and /exit leave, as quit, exit and Ctrl-D do.",
  "Ctrl-C stops an answer. Lines that are pasted together are one question.",
];

/** What is said to the program and not to the model; nanochat's three words go without a slash. */
const COMMANDS = new Map([
  ...["clear", "/clear"].map((word) => [word, "clear"] as const),
  ...["quit", "exit", "/quit", "/exit"].map((word) => [word, "leave"] as const),
  ["/help", "help"] as const,
]);
/** A line that begins as a command does: a slash and a word, unlike a path or a comment. */
const COMMAND_LIKE = /^\/[a-z][\w-]*( .*)?$/i;

/**
 * Answers one question, or talks until there are no more lines.
 *
 * @throws {UserError} for whatever a person can mend.
 */
export async function runChat(options: RunChatOptions, io: ChatIo): Promise<void> {
  await withModel(options, io, { rows: 1 }, async ({ model, tokenizer }) => {
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
  io.terminal.info(HINT);
  for (let line; (line = await io.readLine()) !== undefined;) {
    const question = line.trim();
    const command = COMMANDS.get(question.toLowerCase());
    if (command === "leave") return;
    if (command === "help") HELP.forEach((line) => io.terminal.print(line));
    else if (command === "clear") {
      chat.clear();
      io.terminal.info("This is a new conversation.");
    } else if (COMMAND_LIKE.test(question)) {
      io.tell(new UserError(`unknown command ${question}; /help lists them`));
    } else if (question !== "") {
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
