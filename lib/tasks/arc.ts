import { UserError } from "../errors.ts";
import {
  type MultipleChoiceProblem,
  multipleChoiceProblem,
  MultipleChoiceTask,
} from "./multiple_choice.ts";
import { convertRow, type Row, type Rows, shuffleRows, textColumn, textsColumn } from "./rows.ts";
import type { DatasetSource } from "./source.ts";
import type { TaskSlice } from "./task.ts";

/**
 * Science questions from school tests (Clark et al., arXiv:1803.05457), the hub's
 * `allenai/ai2_arc`. Rows: `question`, `choices` (`text` and `label` lists), `answerKey`. Most
 * questions have four choices, a few three or five, and some are labelled 1 to 4.
 */
export class ARC extends MultipleChoiceTask {
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
    { subset, split, ...slice }: TaskSlice & {
      subset: "ARC-Easy" | "ARC-Challenge";
      split: "train" | "validation" | "test";
    },
  ): Promise<ARC> {
    return new ARC(shuffleRows(await source.rows("allenai/ai2_arc", subset, split)), slice);
  }

  /** How many questions the split has. */
  protected override get numExamples(): number {
    return this.#rows.length;
  }

  /** The rows. */
  protected override async source(): Promise<string | undefined> {
    return await this.#rows.checksum?.();
  }

  /** Makes one question and its answer. */
  protected override example(index: number): MultipleChoiceProblem {
    return convertRow(this.#rows, index, (row) => {
      const question = textColumn(row, "question");
      const choices = (row.choices ?? {}) as Row;
      const letters = textsColumn(choices, "label");
      const answer = textColumn(row, "answerKey");
      if (!letters.includes(answer)) {
        throw new UserError(`answer ${answer} is not one of the labels ${letters.join(", ")}`);
      }
      return multipleChoiceProblem(question, letters, textsColumn(choices, "text"), answer);
    });
  }
}
