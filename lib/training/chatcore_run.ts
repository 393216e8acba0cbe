/**
 * ChatCORE as a run measures it, on the way and at its end.
 *
 * @module
 */
import { PythonSandbox } from "../engine/sandbox/mod.ts";
import { type ChatcoreTask, evaluateChatcore, loadChatcoreTasks } from "../eval/mod.ts";
import type { DatasetSource, EvalTask } from "../tasks/mod.ts";
import { Progress } from "../tracking/mod.ts";
import type { RunIo } from "./io.ts";
import type { OpenedModel } from "./open_model.ts";

/** How much of ChatCORE a run measures. */
export interface ChatcoreRunOptions {
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
    const tasks = await loadChatcoreTasks(source, (program) => sandbox.run(program));
    return new ChatcoreRun(tasks, sandbox, options, io);
  }

  /** Measures a model; the metrics are under nanochat's names. Undefined if it was stopped. */
  async measure({ model, tokenizer }: OpenedModel): Promise<Record<string, number> | undefined> {
    const { tasks, options, io: { terminal, signal } } = this;
    const bars = new Map<ChatcoreTask, Progress>();
    const metrics = await evaluateChatcore({
      model,
      tokenizer,
      tasks,
      signal,
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
