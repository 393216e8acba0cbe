/**
 * Where the numbers of a run go.
 *
 * @module
 */
import { join } from "@std/path";
import { JsonlSink } from "../tracking/jsonl.ts";
import { ConsoleSink, SinkGroup, type Terminal } from "../tracking/mod.ts";

/**
 * The console, and `metrics.jsonl` beside the checkpoints.
 *
 * @param directory Where the checkpoints lie.
 * @param resumeStep The step that a run goes on from: later lines of the file are dropped. Without
 * it the file begins anew.
 * @throws {UserError} when the file cannot be written.
 */
export function openSinks(directory: string, terminal: Terminal, resumeStep?: number): SinkGroup {
  return new SinkGroup([
    new ConsoleSink(terminal),
    JsonlSink.open(join(directory, "metrics.jsonl"), { resumeStep }),
  ]);
}
