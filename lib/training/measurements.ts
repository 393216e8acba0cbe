/**
 * What a run measures on the way and at its end: validation bits per byte, and ChatCORE.
 *
 * @module
 */
import { type BitsPerByte, decidingBpb } from "../checkpoint/disk/mod.ts";
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

/** What a run is measured with. */
export interface WhatIsMeasured {
  /** The validation mixture. */
  validation: ValidationOptions | undefined;
  /** Own conversations beside those of the validation mixture. */
  own: ValidationOptions | undefined;
  /** The tasks of ChatCORE. */
  chatcore: ChatcoreRun | undefined;
}

/** Measures a model when its turn has come, and remembers the last numbers. */
export class RunMeasurements {
  /** The last measurements under nanochat's names, such as `val_bpb`. */
  readonly metrics: Record<string, number> = {};
  /** Every validation with its step, in order. */
  readonly validations: (BitsPerByte & { step: number })[] = [];

  /** Plans measurements; what is undefined of what is measured is left out. */
  constructor(
    private readonly opened: OpenedModel,
    private readonly options: MeasurementOptions,
    private readonly measured: WhatIsMeasured,
    private readonly sink: MetricSink,
    private readonly io: MeasurementIo,
  ) {}

  /**
   * What the model before the first step had of the bits per byte that tell the best, if none that
   * was measured since has fewer; undefined if one has, or it was not measured.
   */
  get unbeaten(): number | undefined {
    const [before, ...since] = this.validations;
    if (before?.step !== 0 || since.length === 0) return undefined;
    const bpb = decidingBpb(before)!;
    return since.every((measured) => decidingBpb(measured)! >= bpb) ? bpb : undefined;
  }

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
    const { options, io, measured: { chatcore, validation, own } } = this;
    const measured: Record<string, number> = {};
    if ((validation || own) && (last || isMultiple(step, options.evalEvery))) {
      // Both or none: which of a run's models is the best is told by one of them throughout.
      await attempt("validation bpb", io, async () => {
        const bpbs: BitsPerByte = {};
        if (validation) bpbs.val_bpb = await validate(validation);
        if (own) bpbs.val_own_bpb = await validate(own);
        this.validations.push({ step, ...bpbs });
        Object.assign(measured, bpbs);
        const names = Object.entries(bpbs);
        const logged = names.map(([name, bpb]) => [name.replace("val_", "val/"), bpb]);
        this.sink.log(step, Object.fromEntries(logged));
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
