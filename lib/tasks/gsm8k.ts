import type { ContentPart, Conversation } from "../conversation.ts";
import { sameFinalAnswer } from "./final_answer.ts";
import { convertRow, type Rows, shuffleRows, textColumn } from "./rows.ts";
import type { DatasetSource } from "./source.ts";
import { EvalTask, type TaskSlice } from "./task.ts";

/**
 * Splits a GSM8K solution at its `<<expression=result>>` annotations: the expression becomes what
 * the assistant sends to Python, the result what comes back.
 *
 * @example
 * ```ts
 * import { calculatorParts } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(calculatorParts("It costs $<<2*3=6>>6."), [
 *   { type: "text", text: "It costs $" },
 *   { type: "python", text: "2*3" },
 *   { type: "python_output", text: "6" },
 *   { type: "text", text: "6." },
 * ]);
 * ```
 */
export function calculatorParts(solution: string): ContentPart[] {
  // A capturing split alternates between the text outside and the inside of the annotations.
  return solution.split(/<<([^>]+)>>/).flatMap((piece, i): ContentPart[] => {
    if (i % 2 === 0) return [{ type: "text", text: piece }];
    const equals = piece.lastIndexOf("=");
    const [expression, result] = equals < 0
      ? [piece, ""]
      : [piece.slice(0, equals), piece.slice(equals + 1)];
    return [{ type: "python", text: expression }, { type: "python_output", text: result }];
  });
}

/**
 * Grade-school word problems (Cobbe et al., arXiv:2110.14168), the hub's `openai/gsm8k`,
 * configuration `main`. Rows: `question`, `answer`.
 */
export class GSM8K extends EvalTask {
  /** The answer is the number after `####` in sampled text. */
  override readonly evalType = "generative";
  readonly #rows: Rows;

  /** Takes rows in the order to show them in; `load` shuffles them as nanochat does. */
  constructor(rows: Rows, slice?: TaskSlice) {
    super(slice);
    this.#rows = rows;
  }

  /**
   * Loads a split, shuffled.
   *
   * @throws {UserError} If the source does not have it.
   */
  static async load(
    source: DatasetSource,
    { split, ...slice }: TaskSlice & { split: "train" | "test" },
  ): Promise<GSM8K> {
    return new GSM8K(shuffleRows(await source.rows("openai/gsm8k", "main", split)), slice);
  }

  /** How many problems the split has. */
  protected override get numExamples(): number {
    return this.#rows.length;
  }

  /** The rows. */
  protected override async source(): Promise<string | undefined> {
    return await this.#rows.checksum?.();
  }

  /** The row. */
  protected override place(index: number): string {
    return this.#rows.where(index);
  }

  /** Makes one problem and its solution. */
  protected override example(index: number): Conversation {
    return convertRow(this.#rows, index, (row) => ({
      messages: [
        { role: "user", content: textColumn(row, "question") },
        { role: "assistant", content: calculatorParts(textColumn(row, "answer")) },
      ],
    }));
  }

  /** Whether the completion's final number is the solution's, compared as text. */
  override evaluate(problem: Conversation, completion: string): boolean {
    return sameFinalAnswer(problem, completion);
  }
}
