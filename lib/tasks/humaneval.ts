import type { Conversation } from "../conversation.ts";
import { convertRow, type Rows, shuffleRows, textColumn } from "./rows.ts";
import type { DatasetSource } from "./source.ts";
import { EvalTask, type TaskSlice } from "./task.ts";

/** Runs a Python program in a sandbox and says whether it ended without an error. */
export type RunPython = (program: string) => Promise<{ success: boolean }>;

/** A function to write in Python. The user's message is the head of the program. */
export interface HumanEvalProblem extends Conversation {
  /** The name of the function. */
  entry_point: string;
  /** A program defining `check(function)`, which raises if the function is wrong. */
  test: string;
}

/**
 * The program that tests a completion: the imports at the head of the prompt, the completion's
 * first fenced code block (all of it, if there is none), the problem's test, and the call of it.
 */
export function humanEvalProgram(problem: HumanEvalProblem, completion: string): string {
  const prompt = problem.messages[0].content as string;
  return [
    headImports(prompt),
    fencedCode(completion),
    `${problem.test}\ncheck(${problem.entry_point})`,
  ].join("\n\n");
}

/** The import lines of a program before anything but comments and empty lines. */
function headImports(program: string): string {
  const imports: string[] = [];
  for (const line of program.split("\n").map((line) => line.trim())) {
    if (/^(import|from) /.test(line)) imports.push(line);
    else if (line !== "" && !line.startsWith("#")) break;
  }
  return imports.join("\n");
}

function fencedCode(completion: string): string {
  const block = /```(?:python)?\s*\n([^]*?)\n```/.exec(completion);
  return (block === null ? completion : block[1]).trim();
}

/**
 * Python functions to write from their docstring (Chen et al., arXiv:2107.03374), the hub's
 * `openai/openai_humaneval`. Rows: `prompt`, `canonical_solution`, `entry_point`, `test`.
 */
export class HumanEval extends EvalTask<HumanEvalProblem> {
  /** The answer is a program in sampled text. */
  override readonly evalType = "generative";
  readonly #rows: Rows;
  readonly #runPython: RunPython;

  /**
   * Takes rows in the order to show them in; `load` shuffles them as nanochat does.
   *
   * @param runPython The sandbox that completions are run in.
   */
  constructor(rows: Rows, runPython: RunPython, slice?: TaskSlice) {
    super(slice);
    this.#rows = rows;
    this.#runPython = runPython;
  }

  /**
   * Loads the problems, shuffled.
   *
   * @throws {UserError} If the source does not have them.
   */
  static async load(
    source: DatasetSource,
    { runPython, ...slice }: TaskSlice & { runPython: RunPython },
  ): Promise<HumanEval> {
    const rows = await source.rows("openai/openai_humaneval", "openai_humaneval", "test");
    return new HumanEval(shuffleRows(rows), runPython, slice);
  }

  /** How many problems there are. */
  protected override get numExamples(): number {
    return this.#rows.length;
  }

  /** Makes one problem and its canonical solution. */
  protected override example(index: number): HumanEvalProblem {
    return convertRow(this.#rows, index, (row) => {
      const prompt = textColumn(row, "prompt");
      const solution = textColumn(row, "canonical_solution");
      return {
        messages: [
          { role: "user", content: prompt },
          { role: "assistant", content: `${prompt}\n${solution}` },
        ],
        entry_point: textColumn(row, "entry_point"),
        test: textColumn(row, "test"),
      };
    });
  }

  /** Whether the completion's program passes the problem's test in the sandbox. */
  override async evaluate(problem: HumanEvalProblem, completion: string): Promise<boolean> {
    return (await this.#runPython(humanEvalProgram(problem, completion))).success;
  }
}
