/**
 * Several processes that train one model: {@linkcode Ranks}, what they hand each other, over MPI or
 * alone.
 *
 * @example
 * ```ts
 * import { SINGLE } from "@nanochat/sft/ranks";
 * import { assertEquals } from "@std/assert";
 *
 * const losses = Float64Array.of(1.5, 2);
 * await SINGLE.sum(losses);
 * assertEquals([...losses], [1.5, 2]);
 * ```
 *
 * @module
 */
export { agreeOn } from "./agree_on.ts";
export { gatherTexts } from "./gather_texts.ts";
export { type Elements, Ranks } from "./ranks.ts";
export { SINGLE } from "./single.ts";
export { type Company, isStopped, together } from "./together.ts";
