/**
 * One fine-tuning run: mixture, packing, model, optimizer, evaluation, checkpoint.
 *
 * @module
 */

import { UserError } from "../errors.ts";
import type { RunIo } from "./io.ts";
import type { SftOptions } from "./options.ts";

export type { RunIo } from "./io.ts";
export { flagOf, SFT_DEFAULTS, sftOptions } from "./options.ts";
export type { SftOptions } from "./options.ts";

/** Fine-tunes a base model. */
export function runSft(_options: SftOptions, _io: RunIo): Promise<void> {
  throw new UserError("fine-tuning is not there yet");
}
