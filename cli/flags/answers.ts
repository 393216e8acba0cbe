/**
 * Flags of what models answer.
 *
 * @module
 */
import { absent, type Flag } from "../flag.ts";
import { count, fraction, positive, positiveFraction, rate } from "../flag_rules.ts";

/** How answers are sampled. */
export const ANSWERS = {
  prompt: {
    value: "text:string",
    none: "", // as in nanochat
    words: "Answer this and leave.",
    of: { chat: absent("a conversation") },
  },
  temperature: {
    value: "number:number",
    rule: rate,
    words: "How freely tokens are sampled; 0 takes the most likely.",
    of: { chat: 0.6, serve: 0.6, eval: 0 },
  },
  topK: {
    value: "tokens:integer",
    rule: count,
    words: "Sample from so many tokens; 0 from all.",
    of: { chat: 50, serve: 50, eval: 50 },
  },
  topP: {
    value: "share:number",
    rule: positiveFraction,
    words: "Sample from the likeliest that have this share.",
    of: { chat: 1, serve: 1 },
  },
  minP: {
    value: "share:number",
    rule: fraction,
    words: "Least probability, as a share of the likeliest's.",
    of: { chat: 0, serve: 0 },
  },
  maxNewTokens: {
    value: "tokens:integer",
    rule: positive,
    words: "Most tokens of an answer.",
    of: { chat: 256, serve: 256, eval: 512 },
  },
} as const satisfies Record<string, Flag>;
