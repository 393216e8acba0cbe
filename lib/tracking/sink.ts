/** Where a run's numbers go. */

/** Numbers (and a few words) measured at one step, by name, such as `{"val/bpb": 1.47}`. */
export type Metrics = Record<string, number | string>;

/** A place that keeps metrics: a file, the console, a service. */
export interface MetricSink {
  /**
   * Records what was measured at a step.
   *
   * @param step The optimizer step, from 0.
   * @param metrics The measurements by name.
   */
  log(step: number, metrics: Metrics): void;
  /** Finishes writing; nothing may be logged afterwards. */
  close(): void | Promise<void>;
}

/** One sink that passes everything on to several. */
export class SinkGroup implements MetricSink {
  readonly #sinks: readonly MetricSink[];

  /** Takes the sinks, called in this order. */
  constructor(sinks: readonly MetricSink[]) {
    this.#sinks = sinks;
  }

  /** Logs to every sink. */
  log(step: number, metrics: Metrics): void {
    for (const sink of this.#sinks) sink.log(step, metrics);
  }

  /** Closes every sink. */
  async close(): Promise<void> {
    for (const sink of this.#sinks) await sink.close();
  }
}
