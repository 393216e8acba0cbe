/** A command of the command line, made of the flags that the table gives it. */

import { Command } from "@cliffy/command";
import { optionError, UserError } from "../lib/errors.ts";
import { wordError } from "./errors.ts";
import { type CommandName, COMMANDS, defaultOf, defaultWords, type Flag, flagOf } from "./flag.ts";
import { FLAGS, flagsOf, type FlagValues } from "./flags.ts";
import { launchedHere } from "./ranks/launched.ts";

/** What a command is beside its name and flags. */
export interface CommandParts<Name extends CommandName> {
  /** Its arguments as they are written down, such as `<file:string>`. */
  arguments?: string;
  /** Runs it with the values of the flags that were given, and its arguments. */
  run(given: Partial<FlagValues<Name>>, args: string[]): Promise<void>;
}

/** A command with the flags that {@linkcode FLAGS} has for it. */
// Its type is cliffy's, which infers it.
export function commandOf<Name extends CommandName>(name: Name, parts: CommandParts<Name>) {
  const command = new Command().description(COMMANDS[name]);
  if (parts.arguments) command.arguments(parts.arguments);
  let shown: string | undefined;
  for (const { name: key, heading, flag } of flagsOf(name)) {
    if (heading !== shown) command.group(shown = heading);
    const [open, close] = flag.alone?.includes(name) ? "[]" : "<>";
    const value = flag.value ? ` ${open}${typed(flag.value, flag)}${close}` : "";
    const collect = flag.isRepeatable === true;
    command.option(flagOf(key) + value, helpWords(flag, name), { collect });
  }
  command.action(async (options: unknown, ...args: unknown[]) => {
    const parsed = options as Record<string, unknown>, variables = variablesOf(name, parsed);
    const said = (option: string) => variables.get(option) ?? flagOf(option);
    try {
      checkAlone(name);
      await parts.run(valuesOf(name, parsed, variables), args as string[]);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(wordError(error, name, said), { cause: error });
    }
  });
  return command;
}

/** Checks that a command is not run by several processes that would each do all of it. */
function checkAlone(name: CommandName): void {
  const launched = launchedHere();
  const { of } = FLAGS["Device and output"].nproc;
  if (!launched || launched.worldSize === 1 || name in of) return;
  throw new UserError(
    `${name} runs as one process; ${launched.launcher} starts ${Object.keys(of).join(", ")}`,
  );
}

/** The line about a flag in the help. */
function helpWords(flag: Flag, command: CommandName): string {
  const otherwise = defaultWords(flag, command);
  return otherwise === "" ? flag.words : `${flag.words} (default: ${otherwise})`;
}

/** The environment variables that say something in place of flags, by the flags' names. */
function variablesOf(command: CommandName, parsed: Record<string, unknown>): Map<string, string> {
  const variables = new Map<string, string>();
  for (const { name, flag: { variable } } of flagsOf(command)) {
    if (variable === undefined || parsed[name] !== undefined) continue;
    if (Deno.env.get(variable)) variables.set(name, variable);
  }
  return variables;
}

/**
 * The values that flags were given, or the variables in their place; switches as booleans and those
 * that mean none left out.
 */
function valuesOf<Name extends CommandName>(
  name: Name,
  parsed: Record<string, unknown>,
  variables: ReadonlyMap<string, string>,
): Partial<FlagValues<Name>> {
  const values: Record<string, unknown> = {};
  for (const { name: key, flag } of flagsOf(name)) {
    const variable = variables.get(key);
    const value = variable === undefined ? parsed[key] : Deno.env.get(variable);
    if (value === undefined || value === flag.none) continue;
    const isAlone = flag.value && value === true;
    values[key] = flag.isSwitch
      ? toBoolean(key, value)
      : isAlone
      ? defaultOf(flag, name)
      : flag.orWord
      ? toNumberOr(flag.orWord, key, value as string, flag)
      : value;
  }
  return values as Partial<FlagValues<Name>>;
}

/** A value's name and the type that the parser is to check: a word is looked at here. */
function typed(value: string, { orWord }: Flag): string {
  return orWord ? value.replace(/:\w+$/, ":string") : value;
}

function toNumberOr(word: string, key: string, text: string, { rule }: Flag): number | string {
  if (text === word) return word;
  const number = Number(text);
  if (text.trim() === "" || Number.isNaN(number)) {
    throw optionError(key, `${rule?.wanted ?? "a number"} or ${word}`, text);
  }
  return number;
}

function toBoolean(key: string, value: unknown): boolean {
  if (value !== 0 && value !== 1) throw optionError(key, "0 or 1", value);
  return value === 1;
}
