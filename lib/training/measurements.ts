/**
 * What a run measures on the way and at its end: validation bits per byte, and ChatCORE.
 *
 * @module
 */
import type { MetricSink } from "../tracking/mod.ts";
import type { ChatcoreRun } from "./chatcore_run.ts";
import { attempt } from "./failures.ts";
import { validate, type ValidationOptions } from "./evaluation.ts";
import type { OpenedModel } from "./open_model.ts";
import { isMultiple } from "./loop.ts";

/** When a run is measured. */
export interface MeasurementOptions {
  /** Steps between measurements of validation bpb; −1 for the last step only. */
  evalEvery: number;
  /** Steps between ChatCORE evaluations; −1 for none. */
  chatcoreEvery: number;
}

/** Measures a model when its turn has come, and remembers the last numbers. */
export class RunMeasurements {
  /** The last measurements under nanochat's names, such as `val_bpb`. */
  readonly metrics: Record<string, number> = {};
  /** Every validation's bits per byte, in order. */
  readonly bpbs: number[] = [];

  /** Plans measurements; without `chatcore` it is left out. */
  constructor(
    private readonly opened: OpenedModel,
    private readonly options: MeasurementOptions,
    private readonly validation: ValidationOptions,
    private readonly chatcore: ChatcoreRun | undefined,
    private readonly sink: MetricSink,
  ) {}

  /** Whether something is to be measured before the step after this one. */
  isDue(step: number): boolean {
    const { evalEvery, chatcoreEvery } = this.options;
    return isMultiple(step, evalEvery) || step > 0 && isMultiple(step, chatcoreEvery);
  }

  /**
   * Measures what is due after a step, and everything after the last, each as an {@link attempt}.
   *
   * @throws {UserError} when the device was lost: nothing can go on then.
   */
  async measure(step: number, last: boolean): Promise<void> {
    const { options, chatcore, validation: { io } } = this;
    if (last || isMultiple(step, options.evalEvery)) {
      await attempt("validation bpb", io, async () => {
        const bpb = await validate(this.validation);
        this.bpbs.push(bpb);
        this.#keep(step, { val_bpb: bpb }, { "val/bpb": bpb });
      });
    }
    if (chatcore && (last || step > 0 && isMultiple(step, options.chatcoreEvery))) {
      await attempt("ChatCORE", io, async () => {
        const scores = await chatcore.measure(this.opened);
        if (scores) this.#keep(step, scores, scores);
      });
    }
  }

  #keep(step: number, metrics: Record<string, number>, logged: Record<string, number>): void {
    Object.assign(this.metrics, metrics);
    this.sink.log(step, logged);
  }
}
