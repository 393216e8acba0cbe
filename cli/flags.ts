/**
 * The table of flags: name, kind, allowed values, defaults, words and group of each, once. Its parts
 * are in `flags/`.
 *
 * From it come the parser's options, the checks and their errors, the defaults, the help, the
 * tables of `docs/flags.md` and, with them, the `user_config` of a checkpoint's meta file. A flag
 * that commands share is one entry. To add one: an entry in one of the parts, and the place that reads
 * it, which declares it among its options.
 *
 * @module
 */
import type { Absent, CommandName, Flag, ValueOf } from "./flag.ts";
import { ANSWERS } from "./flags/answers.ts";
import { DATA } from "./flags/data.ts";
import { DEVICE_AND_OUTPUT } from "./flags/device.ts";
import { MODEL, OTHER_PROGRAMS, WHAT_IS_SHOWN } from "./flags/models.ts";
import { SERVER } from "./flags/server.ts";
import { EVALUATION_AND_SAVING, LEARNING_RATES, LENGTH_AND_BATCHES } from "./flags/training.ts";

/** Every flag under its heading, in the order of the help; `maxSeqLen` is `--max-seq-len`. */
export const FLAGS = {
  "What is shown": WHAT_IS_SHOWN,
  "Other programs": OTHER_PROGRAMS,
  Server: SERVER,
  Model: MODEL,
  "Length and batches": LENGTH_AND_BATCHES,
  "Learning rates": LEARNING_RATES,
  "Evaluation and saving": EVALUATION_AND_SAVING,
  Answers: ANSWERS,
  Data: DATA,
  "Device and output": DEVICE_AND_OUTPUT,
} as const satisfies Record<string, Record<string, Flag>>;

/** The flags of a command with their names and headings, in the order of the help. */
export function flagsOf(command: CommandName): { name: string; heading: string; flag: Flag }[] {
  return Object.entries(FLAGS).flatMap(([heading, flags]) =>
    Object.entries<Flag>(flags)
      .filter(([, { of }]) => command in of)
      .map(([name, flag]) => ({ name, heading, flag }))
  );
}

type Headings = typeof FLAGS;
/** The flags under all headings. */
type Flags = { [Heading in keyof Headings]: Headings[Heading] }[keyof Headings];
/** A command's flag of a name, which may be another at another command; never, where it has none. */
type FlagAt<Command extends CommandName, Name extends string> = Extract<
  Extract<Flags, Record<Name, Flag>>[Name],
  { readonly of: { readonly [C in Command]: unknown } }
>;
type Name = Flags extends infer Group ? Group extends unknown ? keyof Group & string : never
  : never;

/** The values of a command's flags by name. */
export type FlagValues<Command extends CommandName> = {
  [N in Name as [FlagAt<Command, N>] extends [never] ? never : N]:
    | ValueOf<FlagAt<Command, N>>
    | (FlagAt<Command, N>["of"] extends { readonly [C in Command]: Absent } ? undefined : never);
};
