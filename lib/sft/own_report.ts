/**
 * What a run over one's own conversations alone taught: bits per byte, and answers to a few of their
 * questions before and after.
 *
 * @module
 */
import { decidingBpb } from "../checkpoint/disk/mod.ts";
import type { Conversation } from "../conversation.ts";
import { harmless } from "../harmless.ts";
import type { Task } from "../tasks/mod.ts";
import {
  attempt,
  type OpenedModel,
  type RunIo,
  type RunMeasurements,
  type RunMixtures,
} from "../training/mod.ts";
import { type Answer, askEach, oneLine } from "./ask.ts";

/** How many questions are asked; one of them at least is of what is trained on. */
const QUESTIONS = 3;
/** Most characters of an answer of the data that are shown. */
const MOST_SHOWN = 200;

/** A question of the data. */
interface OwnQuestion {
  question: string;
  /** What the data answers. */
  wanted: string;
  isHeldOut: boolean;
}

/** A model before and after it learned one's own conversations. */
export class OwnReport {
  readonly #questions: OwnQuestion[];
  #before: Answer[] | undefined;

  /** Chooses questions of a run's data: first those that are kept apart. */
  constructor(
    { train, own }: RunMixtures,
    private readonly opened: OpenedModel,
    private readonly io: RunIo,
  ) {
    const held = own ? firstQuestions(own, true) : [];
    this.#questions = [...held.slice(0, QUESTIONS - 1), ...firstQuestions(train, false)]
      .slice(0, QUESTIONS);
  }

  /** Asks the model before it is trained. */
  async begin(): Promise<void> {
    this.#before = await this.#ask();
  }

  /** Asks the model that is kept, and prints what changed. */
  async end({ validations }: Pick<RunMeasurements, "validations">): Promise<void> {
    const { terminal } = this.io, before = this.#before;
    const after = before && await this.#ask();
    const line = bpbLine(validations);
    if (line) {
      terminal.print("");
      terminal.print(line);
    }
    if (!before || !after) return;
    for (const [i, { question, wanted, isHeldOut }] of this.#questions.entries()) {
      const side = isHeldOut ? "not trained on" : "trained on";
      terminal.print("");
      terminal.print(`${terminal.style("bold", harmless(oneLine(question)))} (${side})`);
      terminal.print(`  before  ${harmless(before[i].answer)}`);
      terminal.print(`  after   ${harmless(after[i].answer)}`);
      terminal.print(`  data    ${harmless(wanted)}`);
    }
  }

  async #ask(): Promise<Answer[] | undefined> {
    const questions = this.#questions.map(({ question }) => question);
    let answers: Answer[] | undefined;
    await attempt("what the model answers", this.io, async () => {
      answers = await askEach(this.opened, questions, this.io.signal);
    });
    return answers;
  }
}

/** The bits per byte of a run that was measured from its start: before, the best, and the last. */
export function bpbLine(validations: RunMeasurements["validations"]): string | undefined {
  const [before, ...after] = validations.map((measured) => (
    { step: measured.step, bpb: decidingBpb(measured)! }
  ));
  if (before?.step !== 0 || after.length === 0) return undefined;
  const best = after.reduce((best, next) => next.bpb < best.bpb ? next : best);
  const last = after.at(-1)!;
  const at = ({ step, bpb }: typeof last) => `${bpb.toFixed(4)} (step ${step})`;
  return `Own validation bpb: ${before.bpb.toFixed(4)} before, ${at(best)} at best, ` +
    `${at(last)} at the end`;
}

/** Different first questions of a task's conversations. */
function firstQuestions(task: Task, isHeldOut: boolean): OwnQuestion[] {
  const found = new Map<string, OwnQuestion>();
  for (let i = 0; i < task.length && found.size < QUESTIONS; i++) {
    const [question, wanted] = firstTurn(task.get(i));
    if (!found.has(question)) found.set(question, { question, wanted, isHeldOut });
  }
  return [...found.values()];
}

/** What is asked first, what comes before it included, and what is answered. */
function firstTurn({ messages }: Conversation): [question: string, wanted: string] {
  const texts = messages.map(({ content }) =>
    typeof content === "string" ? content : content.map(({ text }) => text).join("")
  );
  const answer = messages.findIndex(({ role }) => role === "assistant");
  const wanted = oneLine(texts[answer]);
  const shown = wanted.length > MOST_SHOWN ? `${wanted.slice(0, MOST_SHOWN)}…` : wanted;
  return [texts.slice(0, answer).join("\n\n"), shown];
}
