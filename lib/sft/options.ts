/**
 * What a fine-tuning run can be told: nanochat's `chat_sft` flags, and a few more.
 *
 * @module
 */
import type { DeviceChoice } from "../device/mod.ts";
import type { ScheduleOptions } from "../optim/mod.ts";
import type {
  ChatcoreRunOptions,
  MeasurementOptions,
  MixtureOptions,
  SavingOptions,
  WantedSettings,
} from "../training/mod.ts";

/**
 * Options of a fine-tuning run. Each is the command line's flag of the same name (`maxSeqLen` is
 * `--max-seq-len`). Settings that are undefined are inherited from the base checkpoint.
 */
export interface SftOptions
  extends
    DeviceChoice,
    ScheduleOptions,
    ChatcoreRunOptions,
    MeasurementOptions,
    MixtureOptions,
    SavingOptions,
    Partial<WantedSettings> {
  /** Name of the run, kept with the metrics. */
  run: string;
  /** Folder of the base checkpoint, such as `"d12"`; undefined for the deepest model there. */
  modelTag: string | undefined;
  /** Step of the base checkpoint; undefined for its last. */
  modelStep: number | undefined;
  /** Whether to warm-start the optimizer from the base checkpoint's state. */
  loadOptimizer: boolean;
  /** Whether to go on with the last fine-tuned checkpoint of the tag instead of a base one. */
  resume: boolean;
  /** First learning rate as a fraction of the base one. */
  initLrFrac: number;
  /** Tokens of the validation mixture that are measured. */
  evalTokens: number;
  /** Names of the options that were said; the others have their defaults. */
  given: readonly (keyof SftOptions)[];
}
