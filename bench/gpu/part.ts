/** What a report of a GPU is made of. */
import type { WebGpuProvider } from "../../lib/device/webgpu/provider.ts";

/** What was asked for. */
export interface Settings {
  /** Whether everything is so small that a GPU in software does it within a minute. */
  short: boolean;
  /** A Python that has PyTorch, and a clone of nanochat. */
  python?: string;
  nanochat?: string;
}

/** A line of a table: cells by the head of their column. Numbers stay numbers. */
export type Row = Readonly<Record<string, string | number | undefined>>;

/** A part of the report, measured in a process of its own: what it ends with ends nothing else. */
export interface Part {
  /** Of the table that its rows go to. */
  table: string;
  /** Tells it from the table's other parts. */
  name: string;
  /** Whose WebGPU it needs. */
  provider?: WebGpuProvider;
  /** Most seconds that it may take. */
  seconds: number;
  /** Measures; what was given is kept, whatever comes after it. */
  measure(settings: Settings): AsyncGenerator<Row>;
}
