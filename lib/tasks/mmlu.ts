import { UserError } from "../errors.ts";
import {
  type MultipleChoiceProblem,
  multipleChoiceProblem,
  MultipleChoiceTask,
} from "./multiple_choice.ts";
import { convertRow, type Rows, shuffleRows, textColumn, textsColumn } from "./rows.ts";
import type { DatasetSource } from "./source.ts";
import type { TaskSlice } from "./task.ts";

const LETTERS = ["A", "B", "C", "D"];

/** A question of MMLU. */
export interface MMLUProblem extends MultipleChoiceProblem {
  /** What it is about, such as `college_biology`; empty in `auxiliary_train`. */
  subject: string;
}

/**
 * Multiple-choice questions on 57 subjects (Hendrycks et al., arXiv:2009.03300), the hub's
 * `cais/mmlu`, configuration `all`. Rows: `question`, `choices` (4), `answer` (0 to 3), `subject`.
 */
export class MMLU extends MultipleChoiceTask<MMLUProblem> {
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
    { split, ...slice }: TaskSlice & { split: "auxiliary_train" | "validation" | "dev" | "test" },
  ): Promise<MMLU> {
    return new MMLU(shuffleRows(await source.rows("cais/mmlu", "all", split)), slice);
  }

  /** How many questions the split has. */
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

  /** Makes one question and its answer. */
  protected override example(index: number): MMLUProblem {
    return convertRow(this.#rows, index, (row) => {
      const question = textColumn(row, "question");
      const subject = textColumn(row, "subject");
      const choices = textsColumn(row, "choices");
      if (choices.length !== 4) throw new UserError(`${choices.length} choices instead of 4`);
      const letter = LETTERS[Number(row.answer)];
      if (letter === undefined) throw new UserError('column "answer" is not 0, 1, 2 or 3');
      return { ...multipleChoiceProblem(question, [...LETTERS], choices, letter), subject };
    });
  }
}
