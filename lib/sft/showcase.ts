/**
 * A model before and after fine-tuning, side by side: numbers and answers that show what changed.
 *
 * @module
 */
import { evaluateTask } from "../eval/mod.ts";
import { harmless } from "../harmless.ts";
import { together } from "../ranks/mod.ts";
import { type DatasetSource, loadWords, SimpleSpelling } from "../tasks/mod.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";
import {
  ChatcoreRun,
  type ChatcoreRunOptions,
  type OpenedModel,
  type RunIo,
} from "../training/mod.ts";
import { type Answer, ANSWER_TOKENS, askEach } from "./ask.ts";

/** What the model is asked, beside the first spelling problem. */
const QUESTIONS = ["Who are you?", "Who made you?"];
/** Words that are spelled to measure how well. */
const SPELLING_PROBLEMS = 64;

/** A model at one moment. */
export interface Portrait {
  /** Measurements by name, such as `SimpleSpelling`. */
  numbers: Record<string, number>;
  /** Its likeliest answer to each question. */
  answers: Answer[];
}

/** Draws portraits. */
export class Showcase implements AsyncDisposable {
  private constructor(
    private readonly spelling: SimpleSpelling,
    private readonly chatcore: ChatcoreRun,
    private readonly io: RunIo,
  ) {}

  /**
   * Loads what models are measured on.
   *
   * @throws {UserError} if the source lacks a dataset.
   */
  static async open(
    source: DatasetSource,
    options: ChatcoreRunOptions,
    io: RunIo,
  ): Promise<Showcase> {
    const words = await together(io, () => loadWords(source));
    const spelling = new SimpleSpelling(words, { size: SPELLING_PROBLEMS, split: "test" });
    // What was learned of spelling is shown whatever the recipe.
    const chatcore = await ChatcoreRun.open(source, { ...options, recipe: "may2026" }, io);
    return new Showcase(spelling, chatcore, io);
  }

  /** Measures a model and asks it; undefined if it was stopped. */
  async portray(opened: OpenedModel): Promise<Portrait | undefined> {
    const { terminal, signal, stop, ranks } = this.io;
    const { model, tokenizer } = opened;
    // Each rank asks by itself; what one cannot answer, all leave.
    const spellingQuestion = this.spelling.get(0).messages[0].content as string;
    const questions = [...QUESTIONS, spellingQuestion];
    const answers = await together(this.io, () => askEach(opened, questions, signal));
    const bar = new Progress(terminal, {
      label: "SimpleSpelling",
      total: this.spelling.length,
      unit: "problems",
    });
    const spelled = await evaluateTask(model, tokenizer, this.spelling, {
      batchSize: 16,
      maxNewTokens: ANSWER_TOKENS,
      signal,
      stop,
      ranks,
      onProgress: ({ total }) => bar.update(total),
    });
    bar.finish();
    const chatcore = spelled && await this.chatcore.measure(opened);
    if (!spelled || !chatcore) return undefined;
    const numbers = {
      SimpleSpelling: spelled.passed / spelled.total,
      SpellingBee: chatcore["chatcore/SpellingBee"],
      ChatCORE: chatcore.chatcore_metric,
      "ChatCORE (categorical)": chatcore.chatcore_cat,
    };
    return { numbers, answers };
  }

  /** Ends the sandbox that programs run in. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.chatcore[Symbol.asyncDispose]();
  }
}

/** Prints two portraits side by side, and the first and last validation bpb if there are some. */
export function printPortraits(
  before: Portrait,
  after: Portrait,
  bpbs: readonly number[],
  terminal: Terminal,
): void {
  const cell = (value: number) => value.toFixed(4).padStart(10);
  const row = (name: string, [before, after]: readonly [number, number]) =>
    terminal.print(`${name.padEnd(24)}${cell(before)}${cell(after)}`);
  terminal.print("");
  terminal.print(`${"".padEnd(24)}${"before".padStart(10)}${"after".padStart(10)}`);
  if (bpbs.length > 0) row("Validation bpb", [bpbs[0], bpbs[bpbs.length - 1]]);
  for (const [name, value] of Object.entries(before.numbers)) {
    row(name, [value, after.numbers[name]]);
  }
  for (const [i, { question, answer }] of before.answers.entries()) {
    terminal.print("");
    terminal.print(terminal.style("bold", harmless(question)));
    terminal.print(`  before  ${harmless(answer)}`);
    terminal.print(`  after   ${harmless(after.answers[i].answer)}`);
  }
}
