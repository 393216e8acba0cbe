/**
 * One fine-tuning run: mixture, packing, model, optimizer, evaluation, checkpoint.
 *
 * @module
 */

export { placeDemo } from "./demo.ts";
export type { SftOptions } from "./options.ts";
export { runSft, type SftResult } from "./run.ts";
