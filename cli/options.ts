/**
 * What each command can be told: the values of its flags, checked, with the defaults for the rest.
 *
 * @module
 */
import type { BaseOptions, TokTrainOptions } from "../lib/base/mod.ts";
import type { RunChatOptions } from "../lib/chat/mod.ts";
import { optionError, UserError } from "../lib/errors.ts";
import type { ExportOptions, ImportOptions } from "../lib/export/mod.ts";
import type { ScheduleOptions } from "../lib/optim/mod.ts";
import type { InspectDataOptions, InspectOptions, PackingOptions } from "../lib/inspect/mod.ts";
import type { Choice } from "../lib/pull/mod.ts";
import type { ServeOptions } from "../lib/serve/mod.ts";
import type { SftOptions } from "../lib/sft/mod.ts";
import { parseKeyMap, parseOwnData } from "../lib/tasks/mod.ts";
import type { EvalOptions, WantedRows } from "../lib/training/mod.ts";
import { checkValue, type CommandName, defaultOf, flagOf } from "./flag.ts";
import { flagsOf, type FlagValues } from "./flags.ts";

/**
 * The values of a command's flags: those given, which are checked, and the defaults for the rest.
 *
 * @param given Values by the flags' names; undefined is as good as absent.
 * @throws {UserError} naming the flag, for a value that it does not take.
 */
export function completeFlags<Command extends CommandName>(
  command: Command,
  given: Partial<FlagValues<Command>>,
): FlagValues<Command> {
  const values = Object.fromEntries(
    flagsOf(command).map(({ name, flag }) => {
      const value = (given as Record<string, unknown>)[name];
      if (value === undefined) return [name, defaultOf(flag, command)];
      checkValue(name, flag, value);
      return [name, value];
    }),
  );
  return values as FlagValues<Command>;
}

/** What a command's flags and the options that are read lack of each other. */
type Apart<Command extends CommandName, Options, Own extends string = "quiet"> =
  | Exclude<keyof Options, keyof FlagValues<Command>>
  | Exclude<keyof FlagValues<Command>, keyof Options | Own>;
type None<Names extends never> = Names;
/** Does not compile where a flag is read by nobody, or an option that is read has no flag. */
export type AllAgree = None<
  | Apart<"sft", Omit<SftOptions, "given">, "quiet" | "nproc">
  | Apart<"base", Omit<BaseOptions, "given">, "quiet" | "nproc">
  | Apart<"chat", RunChatOptions, "quiet" | "hub">
  | Apart<"serve", ServeOptions, "quiet" | "hub">
  | Apart<"eval", EvalOptions, "quiet" | "nproc">
  | Apart<
    "inspect",
    PackingOptions & InspectOptions & InspectDataOptions,
    "conversation" | "packing"
  >
  | Apart<"pull", Omit<Choice, "onlyOne">>
  | Apart<"tok-train", TokTrainOptions>
  | Apart<"export", ExportOptions>
  | Apart<"import", Omit<ImportOptions, "otherwise">>
>;

/**
 * The options of a fine-tuning run: those given, and nanochat's defaults for the rest.
 *
 * @throws {UserError} naming the option, for a value that it does not take.
 *
 * @example
 * ```ts
 * import { sftOptions } from "@nanochat/sft";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(sftOptions({ numIterations: 100 }).initLrFrac, 0.8);
 * ```
 */
export function sftOptions(given: Partial<Omit<SftOptions, "given">> = {}): SftOptions {
  const { quiet: _, nproc: _nproc, ...options } = completeFlags("sft", given);
  // A run that goes on is one of fine-tuning.
  checkOneOf({ resume: options.resume, source: given.source }, "resume", "source");
  checkSchedule(options);
  checkOwnData(options);
  return { ...options, given: namesGiven(given) };
}

/**
 * The options of a pretraining run: those given, and the defaults for the rest, which are
 * nanochat's where one computer can use them.
 *
 * @throws {UserError} naming the option, for a value that it does not take.
 *
 * @example
 * ```ts
 * import { baseOptions } from "@nanochat/sft";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(baseOptions({ depth: 6 }).matrixLr, 0.02);
 * ```
 */
export function baseOptions<Rows extends WantedRows = number>(
  given: Partial<Omit<BaseOptions<Rows>, "given">> = {},
): BaseOptions<Rows> {
  const { quiet: _, nproc: _nproc, ...options } = completeFlags("base", given);
  checkSchedule(options);
  return { ...options as Omit<BaseOptions<Rows>, "given">, given: namesGiven(given) };
}

/**
 * The options of a conversation: those given, and nanochat's defaults for the rest.
 *
 * @throws {UserError} naming the option, for a value that it does not take.
 */
export function chatOptions(given: Partial<RunChatOptions> = {}): RunChatOptions {
  const { quiet: _quiet, hub: _hub, ...options } = completeFlags("chat", given);
  return options;
}

/**
 * The options of a server: those given, and the defaults for the rest.
 *
 * @throws {UserError} naming the option, for a value that it does not take.
 */
export function serveOptions(given: Partial<ServeOptions> = {}): ServeOptions {
  const { quiet: _quiet, hub: _hub, ...options } = completeFlags("serve", given);
  return options;
}

/**
 * The options of an evaluation: those given, and nanochat's defaults for the rest.
 *
 * @throws {UserError} naming the option, for a value that it does not take.
 */
export function evalOptions(given: Partial<EvalOptions> = {}): EvalOptions {
  const { quiet: _, nproc: _nproc, ...options } = completeFlags("eval", given);
  checkOneOf(options, "json", "markdown");
  return options;
}

/** The names of the options that were said. */
function namesGiven<Options extends object>(given: Options): (keyof Options)[] {
  const names = Object.keys(given) as (keyof Options)[];
  return names.filter((name) => given[name] !== undefined);
}

/**
 * Checks that no more than one of two flags was given.
 *
 * @throws {UserError} naming both.
 */
export function checkOneOf<Name extends string>(
  options: { readonly [Flag in Name]: unknown },
  first: Name,
  second: Name,
): void {
  if (!options[first] || !options[second]) return;
  throw new UserError(`give either ${flagOf(first)} or ${flagOf(second)}, not both`);
}

/**
 * Checks how own files are named, and what their keys are called.
 *
 * @throws {UserError} naming the option.
 */
export function checkOwnData(
  { data, dataMap }: { data: readonly string[]; dataMap: string | undefined },
): void {
  data.forEach(parseOwnData);
  if (dataMap !== undefined) parseKeyMap(dataMap);
}

/** Checks that the learning rate does not have to rise and fall at once. */
function checkSchedule({ warmupRatio, warmdownRatio }: ScheduleOptions): void {
  if (warmupRatio + warmdownRatio <= 1) return;
  const wanted = `at most 1 together with ${flagOf("warmupRatio")}`;
  throw optionError("warmdownRatio", wanted, warmdownRatio);
}
