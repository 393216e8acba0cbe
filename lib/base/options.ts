/**
 * What a pretraining run can be told.
 *
 * @module
 */
import type { DeviceChoice } from "../device/mod.ts";
import type { ReduceDtype, ScheduleOptions } from "../optim/mod.ts";
import type { ComputeOptions, SavingOptions, WantedRows, WantedSettings } from "../training/mod.ts";

/**
 * Options of a pretraining run. Each is the command line's flag of the same name (`maxSeqLen` is
 * `--max-seq-len`).
 */
export interface BaseOptions<Rows extends WantedRows = WantedRows>
  extends DeviceChoice, ComputeOptions, ScheduleOptions, SavingOptions, WantedSettings<Rows> {
  /** Blocks of the model. */
  depth: number;
  /** Width per block: the model is depth · aspectRatio wide, rounded up to whole heads. */
  aspectRatio: number;
  /** Size of a head. */
  headDim: number;
  /** Attention windows, a letter per layer, tiled: L full, S short. */
  windowPattern: string;
  /** Folder under `base_checkpoints`; `d` and the depth unless given. */
  modelTag: string | undefined;
  /** Whether a layer's activations are computed again in the backward pass, and not kept. */
  recompute: boolean;
  /** Weight decay of the matrices. */
  weightDecay: number;
  /** Steps between measurements of validation bpb; −1 for the last step only. */
  evalEvery: number;
  /** Tokens of the held-out documents that are measured. */
  evalTokens: number;
  /** Type in which ranks send each other gradients. */
  reduceDtype: ReduceDtype;
  /** Element type of the saved parameters. */
  saveDtype: "float32" | "bfloat16";
  /** Decides the initial parameters and the order of the documents. */
  seed: number;
  /** Names of the options that were said; the others have their defaults. */
  given: readonly string[];
}
