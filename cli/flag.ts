/**
 * What a flag is, apart from which ones there are.
 *
 * @module
 */
import { optionError } from "../lib/errors.ts";
import type { FlagRule } from "./flag_rules.ts";

/** The commands, as a person writes them, and what each does. */
export const COMMANDS = {
  "sft": "Fine-tune a base model on conversations.",
  "chat": "Talk with a model. Ctrl-C stops an answer, Ctrl-D leaves.",
  "serve": "Answer OpenAI's requests, and show a chat page in a browser.",
  "eval": "Measure a model on the tasks of ChatCORE.",
  "inspect":
    "Look at a checkpoint, a conversation's tokens, own data, a mixture's rows, or recipes.",
  "export": "Write a checkpoint for transformers, safetensors or nanochat.",
  "import": "Take a model of transformers into the base directory.",
  "pull": "Fetch a model from the Hugging Face hub: pull karpathy/nanochat-d32.",
  "tok-train":
    "Train a tokenizer on text: plain files, .jsonl or parquet with a column text; also .gz, .zst.",
  "base":
    "Pretrain a model on text: plain files, .jsonl or parquet with a column text; also .gz, .zst.",
} as const;

/** The name of a command. */
export type CommandName = keyof typeof COMMANDS;

/** What a flag is when it is left out, in words: its value is undefined then. */
export interface Absent {
  /** What is taken instead. */
  absent: string;
}

/** Says what is taken where a flag is left out. */
export function absent(words: string): Absent {
  return { absent: words };
}

/** A flag; its name is its key in the table. */
export interface Flag {
  /** The value's name in the help, and its type; without one the flag is there or not. */
  value?: `${string}:${"integer" | "number" | "string"}`;
  /** Whether the values are 1 for yes and 0 for no. */
  isSwitch?: true;
  /** Whether it may be given several times. */
  isRepeatable?: true;
  /** The commands in which it may stand without a value; it has its default then. */
  alone?: readonly CommandName[];
  /** A word that it takes as well as a number. */
  orWord?: string;
  /** A value that means none. */
  none?: string;
  /** The environment variable that says it where the flag does not. */
  variable?: string;
  /** Which values it takes. */
  // Each entry has a rule for its own type of value.
  rule?: FlagRule<never>;
  /** What it does, as one line. */
  words: string;
  /** The commands that have it, each with its default. */
  of: { readonly [Command in CommandName]?: unknown };
}

/** The type of a flag's value. */
export type ValueOf<F extends Flag> = F extends { isRepeatable: true } ? readonly string[]
  : F extends { isSwitch: true } ? boolean
  : F extends { orWord: infer Word extends string } ? number | Word
  : F extends { value: `${string}:string` }
    ? F extends { rule: FlagRule<infer Word extends string> } ? Word : string
  : F extends { value: string } ? number
  : boolean;

/** The command line's spelling of a flag's name: `gsm8kEpochs` is `--gsm8k-epochs`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** A flag's default at a command: undefined where it has none. */
export function defaultOf(flag: Flag, command: CommandName): unknown {
  const value = flag.of[command];
  return isAbsent(value) ? undefined : value;
}

/** What a flag is when it is left out, for a person: empty where it is just not there. */
export function defaultWords(flag: Flag, command: CommandName): string {
  const value = flag.of[command];
  if (isAbsent(value)) return value.absent;
  if (flag.isSwitch) return value ? "1" : "0";
  return value === false || flag.isRepeatable ? "" : String(value);
}

function isAbsent(value: unknown): value is Absent {
  return typeof value === "object" && value !== null && "absent" in value;
}

/**
 * Checks a flag's value.
 *
 * @throws {UserError} naming the flag, for a value that it does not take.
 */
export function checkValue(name: string, { rule, orWord }: Flag, value: unknown): void {
  // A rule is asked about values of its own flag's type.
  const { wanted, allows, isSecret } = (rule ?? {}) as Partial<FlagRule<unknown>>;
  if (!allows || value === orWord || allows(value)) return;
  throw optionError(name, wanted!, isSecret ? undefined : value);
}
