/**
 * What `mpirun` itself prints, in many lines, of a run that ends before its time: a rank has told the
 * person why, in one, or here is that one.
 */

/** Banners of which one line is for a person: what it matches, and what it means. */
const MEANINGS: [RegExp, (...found: string[]) => string][] = [
  [
    /process rank (\d+) with PID \d+ on node (\S+) exited\s+on\s+signal (\d+)/,
    (rank, host, signal) => `rank ${rank} (on ${host}) ${endedBy(Number(signal))}`,
  ],
  [
    /lost communication with a remote daemon[^]*Remote daemon: .* on node (\S+)/,
    (host) => `the connection to ${host} is lost, and with it its ranks`,
  ],
  [
    /PID (\d+) RUNNING AT (\S+)\n=\s+EXIT CODE: (\d+)/,
    (process, host, signal) => `a rank (process ${process} on ${host}) ${endedBy(Number(signal))}`,
  ],
];
/** Banners that say again what a rank has told. */
const REPEATED = [
  /Primary job\s+terminated normally, but/,
  /detected that one or more processes exited with non-zero status/,
  /MPI_ABORT was invoked on rank/,
  /An MPI communication peer process has unexpectedly disconnected/,
];
/** Lines that stand alone and help nobody. */
const ALONE = [
  /^\[[\w.-]+:\d+\] /, // [host:process] of Open MPI's log
  /^\[(mpiexec|proxy:\d+:\d+)@/,
  /^mpirun: /,
  /^Abort\(\d+\) on node .*: application called MPI_Abort/,
  /^YOUR APPLICATION TERMINATED WITH THE EXIT/,
  /^This typically refers to a problem with your application\.$/,
  /^Please see the FAQ page for debugging suggestions$/,
];
/** What a banner begins and ends with: Open MPI's and MPICH's. */
const RULE = /(?:-{74}|={83})$/;

/** A rank's error, in colour or not, behind a status line or not; what it says, whoever says it. */
const ERROR =
  // deno-lint-ignore no-control-regex
  /(?:^|\x1b\[K)(?:\x1b\[31m)?error:(?:\x1b\[39m)? (?:rank \d+ \(on [^)]*\): )?(.*)$/;

/** How a signal ended a process, and why that may be. */
function endedBy(signal: number): string {
  const why = signal === 9 ? ": something killed it, such as the system for want of memory" : "";
  return `was ended by signal ${signal}${why}`;
}

/** Sorts what comes from `mpirun` on standard error: the ranks' words from its own. */
export class NoiseFilter {
  #rest = "";
  #banner: string[] | undefined;
  #meaning: string | undefined;
  #dropped: string[] = [];
  #told = new Set<string>();
  #blanks = "";

  /** Whether a rank has told an error. */
  get isTold(): boolean {
    return this.#told.size > 0;
  }

  /** What `mpirun` saw that no rank could tell, as one line. */
  get meaning(): string | undefined {
    return this.#meaning;
  }

  /** Takes text as it comes, in pieces; gives those of it that are for the person. */
  take(text: string): string {
    const lines = (this.#rest + text).split("\n");
    const last = lines.pop()!;
    // A status line has no end; what else has none yet may become mpirun's.
    const isStatus = !this.#banner && last.startsWith("\r") && !last.endsWith("-");
    this.#rest = isStatus ? "" : last;
    return lines.map((line) => this.#line(line)).join("") +
      (isStatus ? this.#takeBlanks() + last : "");
  }

  /**
   * What is left where nothing comes any more.
   *
   * @param isUnexplained Whether nobody knows why the run failed: all that was taken out is given.
   */
  end(isUnexplained: boolean): string {
    const left = [...this.#banner ?? [], ...this.#rest ? [this.#rest] : []];
    return [...isUnexplained ? this.#dropped : [], ...left].map((line) => line + "\n").join("");
  }

  #line(line: string): string {
    if (this.#banner) {
      this.#banner.push(line);
      return RULE.test(line) ? this.#endBanner() : "";
    }
    // Empty lines before mpirun's words are mpirun's too.
    if (line === "") {
      this.#blanks += "\n";
      return "";
    }
    const blanks = this.#takeBlanks();
    if (RULE.test(line)) {
      // It may stand behind a status line.
      this.#banner = [line.replace(/^\r.*?(?=[-=]+$)/, "")];
      return line.slice(0, -this.#banner[0].length);
    }
    if (ALONE.some((pattern) => pattern.test(line))) return this.#drop(line);
    const error = ERROR.exec(line)?.[1];
    if (error !== undefined) {
      // What is wrong on every rank the slow ones tell too where the first cannot end them in time.
      if (this.#told.has(error)) return "";
      this.#told.add(error);
    }
    return blanks + line + "\n";
  }

  #takeBlanks(): string {
    const blanks = this.#blanks;
    this.#blanks = "";
    return blanks;
  }

  #drop(...lines: string[]): string {
    this.#dropped.push(...lines);
    return "";
  }

  #endBanner(): string {
    const lines = this.#banner!, text = lines.join("\n") + "\n";
    this.#banner = undefined;
    if (REPEATED.some((pattern) => pattern.test(text))) return this.#drop(...lines);
    for (const [pattern, meaning] of MEANINGS) {
      const found = pattern.exec(text);
      if (!found) continue;
      this.#meaning ??= meaning(...found.slice(1));
      return this.#drop(...lines);
    }
    return text;
  }
}
