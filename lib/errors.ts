/**
 * An error caused by input a person can mend: a wrong flag, a missing file, a broken checkpoint.
 *
 * Its message is one line that says what was wrong, where, and what to do. The command line
 * prints that line alone and exits with 1; every other error is a bug and keeps its stack trace.
 *
 * @module
 */

/** An error whose one-line message is meant for the person at the keyboard. */
export class UserError extends Error {
  /** Always `"UserError"`. */
  override name = "UserError";
}
