/**
 * An error caused by input a person can mend: a wrong option, a missing file, a broken checkpoint.
 *
 * Its message is one line that says what was wrong, where, and what to do. The command line
 * prints that line alone and exits with 1; every other error is a bug and keeps its stack trace.
 *
 * @module
 */

/** A way of training that would fit. */
export interface Instead {
  /** The type to compute in, if it is another. */
  dtype?: string;
  /** Whether layers are to be computed again. */
  recompute: boolean;
  /** Rows of a micro-batch. */
  rows: number;
}

/**
 * What is known of an error where it is found: its kind and its numbers. No part below the command
 * line knows flags; the command line makes of this which flag to change.
 */
export type ErrorDetail =
  /** An option has a value that it does not take. The message begins with its name. */
  | { kind: "option"; option: string }
  /** The tokens of an optimizer step are no multiple of those of a micro-batch. */
  | {
    kind: "batchSize";
    /** Tokens of a step. */
    totalBatchSize: number;
    /** Rows of a micro-batch. */
    deviceBatchSize: number;
    /** Tokens of a row. */
    maxSeqLen: number;
    /** Processes that each take a micro-batch. */
    worldSize: number;
  }
  /**
   * A device cannot hold a tensor, or all that is wanted, of so many bytes; of `limit` in all, where
   * that is known. With so many `rows` a micro-batch would fit, where that is known too; where none do,
   * something else may.
   */
  | {
    kind: "memory";
    tensor: string;
    bytes: number;
    limit?: number;
    rows?: number;
    instead?: Instead;
  }
  /** There is no GPU. */
  | { kind: "noAdapter" }
  /** Dawn's WebGPU cannot be had, or has no GPU. */
  | { kind: "noDawn" }
  /** The GPU stopped working. */
  | { kind: "deviceLost" }
  /** A thread of the CPU device ended. */
  | { kind: "threadLost" }
  /** What the model computed is NaN or infinite. */
  | { kind: "notFinite" }
  /** Others may reach a server that wants no key of them. */
  | { kind: "noApiKey" }
  /** There is no model. */
  | { kind: "noModel" }
  /** There is no tokenizer. */
  | { kind: "noTokenizer" }
  /** A checkpoint is not of a run that could be gone on with. */
  | { kind: "noRun" }
  /** A run ended early; its last checkpoint is that of a step of a model's tag, if there is one. */
  | { kind: "runEnded"; cause: UserError; saved?: { tag: string; step: number } }
  /** What a run would measure with does not work. The message says why. */
  | { kind: "measurement"; cause: UserError }
  /**
   * Own data is in another form, which may do where other keys are named (`map`, perhaps as `keys` says)
   * or neighbours of one role are joined (`merge`).
   */
  | { kind: "ownData"; remedy: "map"; keys?: string }
  | { kind: "ownData"; remedy: "merge" }
  /** The optimizer's state cannot be taken over. */
  | { kind: "optimizerState" };

/** An error whose one-line message is meant for the person at the keyboard. */
export class UserError extends Error {
  /** Always `"UserError"`. */
  override name = "UserError";
  /** What is known of it beyond the message. */
  readonly detail?: ErrorDetail;

  /** An error with its message, and what else is known. */
  constructor(message: string, options: ErrorOptions & { detail?: ErrorDetail } = {}) {
    super(message, options);
    this.detail = options.detail;
  }
}

/**
 * The error for an option with a value that it does not take.
 *
 * @param option The option's name, as `maxSeqLen`.
 * @param wanted What it takes, in words.
 * @param value What it was given; nothing for a secret, which is not repeated.
 */
export function optionError(option: string, wanted: string, value?: unknown): UserError {
  const found = value === undefined ? "" : `, but is ${JSON.stringify(value)}`;
  const message = `${option} must be ${wanted}${found}`;
  return new UserError(message, { detail: { kind: "option", option } });
}
