/**
 * What a run measures on the way and at its end: validation bits per byte, and ChatCORE.
 *
 * @module
 */
import type { MetricSink } from "../tracking/mod.ts";
import type { ChatcoreRun } from "./chatcore_run.ts";
import { attempt } from "./failures.ts";
import { validate, type ValidationOptions } from "./evaluation.ts";
import type { MeasurementIo } from "./io.ts";
import type { OpenedModel } from "./open_model.ts";
import { isMultiple } from "./loop.ts";

/** When a run is measured. */
export interface MeasurementOptions {
  /** Steps between measurements of validation bpb; −1 for the last step only. */
  evalEvery: number;
  /** Steps between ChatCORE evaluations; −1 for none. */
  chatcoreEvery: number;
}

/** When a run stops before its end. */
export interface PatienceOptions {
  /** How often bpb may be measured without being lower than before; −1 for any number. */
  patience: number;
}

/** Measures a model when its turn has come, and remembers the last numbers. */
export class RunMeasurements {
  /** The last measurements under nanochat's names, such as `val_bpb`. */
  readonly metrics: Record<string, number> = {};
  /** Every validation's bits per byte, in order. */
  readonly bpbs: number[] = [];

  /** Plans measurements; what is undefined of `validation` and `chatcore` is left out. */
  constructor(
    private readonly opened: OpenedModel,
    private readonly options: MeasurementOptions,
    private readonly validation: ValidationOptions | undefined,
    private readonly chatcore: ChatcoreRun | undefined,
    private readonly sink: MetricSink,
    private readonly io: MeasurementIo,
  ) {}

  /** Whether something is to be measured before the step after this one. */
  isDue(step: number): boolean {
    const { evalEvery, chatcoreEvery } = this.options;
    return isMultiple(step, evalEvery) || step > 0 && isMultiple(step, chatcoreEvery);
  }

  /**
   * Measures what is due after a step, and everything after the last, each as an {@link attempt} of
   * all ranks.
   *
   * @returns What was measured now, under nanochat's names.
   * @throws {UserError} when the device was lost: nothing can go on then.
   */
  async measure(step: number, last: boolean): Promise<Record<string, number>> {
    const { options, chatcore, validation, io } = this;
    const measured: Record<string, number> = {};
    if (validation && (last || isMultiple(step, options.evalEvery))) {
      await attempt("validation bpb", io, async () => {
        measured.val_bpb = await validate(validation);
        this.bpbs.push(measured.val_bpb);
        this.sink.log(step, { "val/bpb": measured.val_bpb });
      });
    }
    if (chatcore && (last || step > 0 && isMultiple(step, options.chatcoreEvery))) {
      await attempt("ChatCORE", io, async () => {
        const scores = await chatcore.measure(this.opened);
        if (scores) this.sink.log(step, scores);
        Object.assign(measured, scores);
      });
    }
    Object.assign(this.metrics, measured);
    return measured;
  }
}
