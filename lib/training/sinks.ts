/**
 * Where the numbers of a run go.
 *
 * @module
 */
import { join } from "@std/path";
import { UserError } from "../errors.ts";
import { SINGLE } from "../ranks/mod.ts";
import { type JsonlOptions, JsonlSink } from "../tracking/jsonl.ts";
import { ConsoleSink, type Metrics, type MetricSink, SinkGroup } from "../tracking/mod.ts";
import type { RunIo } from "./io.ts";

/** The name of a run's log, beside its checkpoints. */
export const LOG = "metrics.jsonl";

/**
 * The console, and `metrics.jsonl` beside the checkpoints. A file that cannot be written is one
 * warning, and the run goes on without it. Of several ranks the first one alone keeps the log.
 *
 * @param directory Where the checkpoints lie.
 * @param options Which run it is, and whether one is gone on with.
 */
export function openSinks(
  directory: string,
  { terminal, ranks = SINGLE }: Pick<RunIo, "terminal" | "ranks">,
  options: JsonlOptions = {},
): SinkGroup {
  if (ranks.rank > 0) return new SinkGroup([]);
  const path = join(directory, LOG);
  const file = new OptionalSink(
    () => JsonlSink.open(path, options),
    (reason) => terminal.warn(`${reason}; the run goes on without this log`),
  );
  return new SinkGroup([new ConsoleSink(terminal), file]);
}

/** A sink that a run can do without: when it fails, it is left out from there on. */
class OptionalSink implements MetricSink {
  #sink: MetricSink | undefined;

  constructor(open: () => MetricSink, private readonly warn: (reason: string) => void) {
    this.#try(() => this.#sink = open());
  }

  log(step: number, metrics: Metrics): void {
    this.#try(() => this.#sink?.log(step, metrics));
  }

  async close(): Promise<void> {
    await this.#sink?.close();
  }

  #try(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.#sink?.close();
      this.#sink = undefined;
      this.warn(error.message);
    }
  }
}
