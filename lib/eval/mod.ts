/**
 * Measuring a model: bits per byte on held-out text, and ChatCORE.
 *
 * @module
 */
export { bitsPerByte, type EvaluationBatch } from "./bits_per_byte.ts";
