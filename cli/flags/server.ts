/**
 * Flags of a server.
 *
 * @module
 */
import { absent, type Flag } from "../flag.ts";
import { apiKey, count, notEmpty, port, positive } from "../flag_rules.ts";

/** Where a server is reached, and how much it does at a time. */
export const SERVER = {
  host: {
    value: "address:string",
    rule: notEmpty("an address of this computer"),
    words: "Where it is reached; 0.0.0.0 from everywhere.",
    of: { serve: "127.0.0.1" },
  },
  port: {
    value: "number:integer",
    rule: port,
    words: "Its port; 0 takes one that is free.",
    of: { serve: 8000 },
  },
  apiKey: {
    value: "key:string",
    rule: apiKey,
    variable: "NANOCHAT_API_KEY",
    words: "Key that requests must have; needed if others reach it.",
    of: { serve: absent("NANOCHAT_API_KEY, else none") },
  },
  batchSize: {
    value: "answers:integer",
    rule: positive,
    words: "Most answers that are generated at a time.",
    of: { serve: 64 },
  },
  cacheTokens: {
    value: "tokens:integer",
    rule: positive,
    words: "Tokens whose keys and values are kept, of all answers together.",
    of: { serve: absent("eight full contexts") },
  },
  queue: {
    value: "answers:integer",
    rule: count,
    words: "Most answers that wait; more are told to come again.",
    of: { serve: 256 },
  },
} as const satisfies Record<string, Flag>;
