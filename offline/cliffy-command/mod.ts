/**
 * Stand-in for `jsr:@cliffy/command` where JSR cannot be reached: the part of its `Command` that
 * this package uses, with the same types, over `npm:commander`.
 *
 * @module
 */

import { Command as Commander, type CommanderError, Option } from "commander";
import type { ArgumentsOf, WithOption } from "./types.ts";

/** Thrown by {@linkcode Command.parse} for a command line that cannot be understood. */
export class ValidationError extends Error {}

/** Settings of an option. */
export interface OptionOptions<Required, Collect, Default> {
  /** Used when the flag is absent. */
  default?: Default;
  /** Whether the flag must be there. */
  required?: Required;
  /** Whether the flag may be repeated; its value is then an array. */
  collect?: Collect;
  /** Leaves the flag out of the help. */
  hidden?: boolean;
}

/**
 * A command: its flags, arguments, action and subcommands. `Options` and `Args` grow with each
 * call and are what the action receives.
 */
export class Command<
  Options = Record<never, never>,
  Args extends unknown[] = [],
> {
  #commander = new Commander().enablePositionalOptions();
  #hasRest = false;

  /** Sets the name shown in the help. */
  name(name: string): this {
    this.#commander.name(name);
    return this;
  }

  /** Sets the version that `--version` prints. */
  version(version: string): this {
    this.#commander.version(
      version,
      "-V, --version",
      "Show the version number.",
    );
    return this;
  }

  /** Sets the text at the head of the help. */
  description(description: string): this {
    this.#commander.description(description);
    return this;
  }

  /** Adds an example to the help. */
  example(name: string, description: string): this {
    this.#commander.addHelpText(
      "after",
      `\n${name}:\n  ${description.replaceAll("\n", "\n  ")}`,
    );
    return this;
  }

  /** Gathers the options that follow under a heading in the help. */
  group(name: string): this {
    this.#commander.optionsGroup(`${name}:`);
    return this;
  }

  /** Adds a flag: `--name`, `-n, --name`, `--name <value:type>` or `--name [value:type]`. */
  option<
    Flags extends string,
    Required extends boolean | undefined = undefined,
    Collect extends boolean | undefined = undefined,
    Default = undefined,
  >(
    flags: Flags,
    description: string,
    options: OptionOptions<Required, Collect, Default> = {},
  ): Command<WithOption<Options, Flags, Required, Collect, Default>, Args> {
    const [, name, type] = flags.match(/(--[\w-]+)(?: [<[]\w+(?::(\w+))?[>\]])?$/)!;
    const option = new Option(flags.replace(/:\w+([>\]])$/, "$1"), description)
      .makeOptionMandatory(options.required === true)
      .hideHelp(options.hidden === true);
    if (options.default !== undefined) option.default(options.default);
    if (/[>\]]$/.test(flags)) {
      let values: unknown[] = [];
      option.argParser((text: string) => {
        const value = parseValue(`Option "${name}"`, text, type);
        return options.collect ? values = [...values, value] : value;
      });
    }
    this.#commander.addOption(option);
    return this as unknown as Command<
      WithOption<Options, Flags, Required, Collect, Default>,
      Args
    >;
  }

  /** Sets the arguments: `<needed:type> [optional:type] [...rest:type]`. */
  arguments<Definition extends string>(
    definition: Definition,
  ): Command<Options, ArgumentsOf<Definition>> {
    for (const word of definition.split(" ")) {
      const [, open, dots, name, type] = word.match(
        /^([<[])(\.\.\.)?([\w-]+)(?::(\w+))?/,
      )!;
      const parse = (text: string) => parseValue(`Argument "${name}"`, text, type);
      const rest: unknown[] = [];
      this.#commander.argument(
        open + name + (dots ?? "") + word.at(-1),
        "",
        (text: string) => dots ? (rest.push(parse(text)), rest) : parse(text),
      );
      this.#hasRest = dots !== undefined;
    }
    return this as unknown as Command<Options, ArgumentsOf<Definition>>;
  }

  /** Sets what the command does. */
  action(action: (options: Options, ...args: Args) => unknown): this {
    this.#commander.action(async () => {
      const args: unknown[] = [...this.#commander.processedArgs];
      if (this.#hasRest) {
        args.push(...(args.pop() as unknown[] | undefined ?? []));
      }
      await action(this.#commander.opts() as Options, ...args as Args);
    });
    return this;
  }

  /** Adds a subcommand. */
  // deno-lint-ignore no-explicit-any
  command(name: string, command: Command<any, any>): this {
    command.#commander.name(name).copyInheritedSettings(this.#commander);
    this.#commander.addCommand(command.#commander);
    return this;
  }

  /**
   * Makes {@linkcode Command.parse} throw and return where it would exit, in this command and in
   * the subcommands that are added after.
   */
  noExit(): this {
    this.#commander.exitOverride().configureOutput({
      writeOut: (text) => console.log(text.trimEnd()),
      outputError: () => {},
    });
    return this;
  }

  /** The text that `--help` prints. */
  getHelp(): string {
    return this.#commander.helpInformation();
  }

  /** Parses a command line and runs the action of the command that it names. */
  async parse(args: string[] = Deno.args): Promise<void> {
    try {
      await this.#commander.parseAsync(args, { from: "user" });
    } catch (error) {
      if (!isCommanderError(error)) throw error;
      if (error.exitCode !== 0) throw new ValidationError(this.#explain(error));
    }
  }

  #explain({ code, message }: CommanderError): string {
    const [word] = this.#commander.args;
    const isCommand = this.#commander.commands.some((command) => command.name() === word);
    if (code === "commander.excessArguments" && !isCommand) {
      return `Unknown command "${word}".`;
    }
    return message.replace(/^error: /, "").replace(/^./, (c) => c.toUpperCase())
      .replaceAll("\n", " ");
  }
}

function isCommanderError(error: unknown): error is CommanderError {
  return error instanceof Error &&
    `${(error as CommanderError).code}`.startsWith("commander.");
}

function parseValue(label: string, text: string, type = "string"): unknown {
  const number = text.trim() === "" ? NaN : Number(text);
  if (type === "number" && Number.isFinite(number)) return number;
  if (type === "integer" && Number.isInteger(number)) return number;
  if (type === "boolean" && ["true", "1"].includes(text)) return true;
  if (type === "boolean" && ["false", "0"].includes(text)) return false;
  if (type === "string" || type === "file") return text;
  throw new ValidationError(
    `${label} must be of type "${type}", but got "${text}".`,
  );
}
