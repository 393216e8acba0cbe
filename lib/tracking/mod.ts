/**
 * Where a run's numbers go: the console in nanochat's form, progress bars, and any other sink.
 * Works in a browser; a file on a disk is `@nanochat/sft/tracking/jsonl`.
 *
 * @module
 */

export { formatDuration, Progress } from "./progress.ts";
export type { ProgressOptions } from "./progress.ts";
export { SinkGroup } from "./sink.ts";
export type { Metrics, MetricSink } from "./sink.ts";
export { ConsoleSink, formatChatcore, formatStep, formatValidation } from "./step_lines.ts";
export type { StepMetrics } from "./step_lines.ts";
export { Terminal } from "./terminal.ts";
export type { TerminalOptions, TextStyle } from "./terminal.ts";
