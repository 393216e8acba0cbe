/**
 * ChatCORE as a run measures it, on the way and at its end.
 *
 * @module
 */
import { PythonSandbox } from "../engine/sandbox/mod.ts";
import { UserError } from "../errors.ts";
import { type ChatcoreTask, evaluateChatcore, loadChatcoreTasks, tryTask } from "../eval/mod.ts";
import { unlessAborted } from "../pause.ts";
import { together } from "../ranks/mod.ts";
import type { DatasetSource, EvalTask } from "../tasks/mod.ts";
import { Progress } from "../tracking/mod.ts";
import type { RunIo } from "./io.ts";
import type { OpenedModel } from "./open_model.ts";
import { type RecipeName, RECIPES } from "./recipes.ts";

/** How much of ChatCORE a run measures. */
export interface ChatcoreRunOptions {
  /** Whose tasks it is the mean of. */
  recipe: RecipeName;
  /** Most problems per categorical ChatCORE task; −1 for all. */
  chatcoreMaxCat: number;
  /** Most problems per generative ChatCORE task; −1 for all. */
  chatcoreMaxSample: number;
}

/** The tasks of ChatCORE and the sandbox for what models write. */
export class ChatcoreRun implements AsyncDisposable {
  private constructor(
    private readonly tasks: ReadonlyMap<ChatcoreTask, EvalTask>,
    private readonly sandbox: PythonSandbox,
    private readonly options: ChatcoreRunOptions,
    private readonly io: RunIo,
  ) {}

  /**
   * Loads the tasks, so that a missing one is found before training.
   *
   * @throws {UserError} if the source lacks one.
   */
  static async open(
    source: DatasetSource,
    options: ChatcoreRunOptions,
    io: RunIo,
  ): Promise<ChatcoreRun> {
    const sandbox = new PythonSandbox();
    const names = RECIPES[options.recipe].tasks;
    const runPython = (program: string) => sandbox.run(program);
    const tasks = await together(io, () => loadChatcoreTasks(source, runPython, names));
    return new ChatcoreRun(tasks, sandbox, options, io);
  }

  /**
   * Tries once, before a run relies on it, what measuring needs: every problem's row, Python, and
   * the device's memory. Every rank tries its own share, with its own Python.
   *
   * @throws {UserError} if something is missing or wrong; the signal's reason if it was aborted.
   */
  async tryOut(opened: OpenedModel): Promise<void> {
    try {
      await together(this.io, () => this.#tryOut(opened));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      const message = `ChatCORE cannot be measured: ${error.message}`;
      const cause = new UserError(message, { cause: error, detail: error.detail });
      throw new UserError(message, { cause, detail: { kind: "measurement", cause } });
    }
  }

  async #tryOut({ model, tokenizer }: OpenedModel): Promise<void> {
    const { tasks, sandbox, options: { chatcoreMaxCat, chatcoreMaxSample } } = this;
    const { terminal, signal, ranks } = this.io;
    const bar = new Progress(terminal, {
      label: "Trying ChatCORE",
      total: 1 + tasks.size,
      unit: "parts",
    });
    let done = 0;
    bar.update(done);
    await unlessAborted(sandbox.run("pass"), signal);
    for (const task of tasks.values()) {
      bar.update(++done);
      const most = task.evalType === "categorical" ? chatcoreMaxCat : chatcoreMaxSample;
      const maxProblems = most < 0 ? undefined : most;
      await tryTask(model, tokenizer, task, { signal, ranks, maxProblems });
    }
    bar.finish();
  }

  /**
   * Measures a model, with all ranks; the metrics are under nanochat's names. Undefined if it was
   * stopped.
   */
  async measure({ model, tokenizer }: OpenedModel): Promise<Record<string, number> | undefined> {
    const { tasks, options, io: { terminal, signal, ranks, stop } } = this;
    const bars = new Map<ChatcoreTask, Progress>();
    const metrics = await evaluateChatcore({
      model,
      tokenizer,
      tasks,
      all: RECIPES[options.recipe].tasks,
      signal,
      ranks,
      stop,
      maxCat: options.chatcoreMaxCat,
      maxSample: options.chatcoreMaxSample,
      onProgress: (name, { passed, total }, problems) => {
        const bar = bars.get(name) ??
          new Progress(terminal, { label: name, total: problems, unit: "problems" });
        bars.set(name, bar);
        bar.update(total, `${(100 * passed / total).toFixed(2)}% right`);
      },
    });
    terminal.status("");
    return metrics;
  }

  /** Ends the sandbox. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox[Symbol.asyncDispose]();
  }
}
