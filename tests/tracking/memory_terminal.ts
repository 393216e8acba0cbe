import { Terminal, type TerminalOptions } from "../../lib/tracking/mod.ts";

/** A terminal that keeps what it is told, with a clock that is set by hand. */
export class MemoryTerminal {
  /** What went to standard output. */
  stdout = "";
  /** What went to standard error. */
  stderr = "";
  /** The time, in milliseconds. */
  time = 0;
  readonly terminal: Terminal;

  constructor(options: Partial<TerminalOptions> = {}) {
    this.terminal = new Terminal({
      stdout: (text) => this.stdout += text,
      stderr: (text) => this.stderr += text,
      isTerminal: false,
      columns: () => 80,
      colors: false,
      quiet: false,
      now: () => this.time,
      ...options,
    });
  }

  /** The lines on standard output. */
  get lines(): string[] {
    return this.stdout.split("\n").slice(0, -1);
  }
}
