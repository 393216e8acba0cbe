/**
 * What a fine-tuning run can be told: nanochat's `chat_sft` flags, and a few more.
 *
 * @module
 */
import type { CheckpointSource } from "../checkpoint/mod.ts";
import type { DeviceChoice } from "../device/mod.ts";
import type { ReduceDtype, ScheduleOptions } from "../optim/mod.ts";
import type {
  ChatcoreRunOptions,
  ComputeOptions,
  MeasurementOptions,
  MixtureOptions,
  PatienceOptions,
  SavingOptions,
  WantedSettings,
} from "../training/mod.ts";

/**
 * Options of a fine-tuning run. Each is the command line's flag of the same name (`maxSeqLen` is
 * `--max-seq-len`). Settings that are undefined are inherited from the checkpoint it begins with.
 */
export interface SftOptions
  extends
    DeviceChoice,
    ComputeOptions,
    ScheduleOptions,
    ChatcoreRunOptions,
    MeasurementOptions,
    MixtureOptions,
    PatienceOptions,
    SavingOptions,
    Partial<WantedSettings> {
  /** Name of the run, kept with the metrics. */
  run: string;
  /** Which kind of model it begins with; what it saves is of kind `"sft"`. */
  source: CheckpointSource;
  /** Folder of the checkpoint it begins with, such as `"d12"`; undefined for the deepest model there. */
  modelTag: string | undefined;
  /** Step of that checkpoint; undefined for its last. */
  modelStep: number | undefined;
  /** The cap of that model's logits, where its files do not tell it. */
  softcap: number | undefined;
  /** Its window pattern, where its files do not tell it. */
  windowPattern: string | undefined;
  /** Whether to warm-start the optimizer from that checkpoint's state. */
  loadOptimizer: boolean;
  /** Whether a layer's activations are computed again in the backward pass, and not kept. */
  recompute: boolean;
  /** Whether conversations that are packed into one row do not see each other. */
  isolate: boolean;
  /** Whether to go on with the last fine-tuning run of the tag instead of beginning one. */
  resume: boolean;
  /** First learning rate as a fraction of the base one. */
  initLrFrac: number;
  /** Type in which ranks send each other gradients. */
  reduceDtype: ReduceDtype;
  /** Tokens of the validation mixture that are measured. */
  evalTokens: number;
  /** Names of the options that were said; the others have their defaults. */
  given: readonly (keyof SftOptions)[];
}
