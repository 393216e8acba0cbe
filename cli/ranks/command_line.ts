/** The command line that started this process, to start others like it. */

/**
 * What starts this program again: Deno's own arguments, permissions among them, and the program's.
 *
 * @param args The program's arguments.
 */
export function commandLine(args: readonly string[]): [program: string, ...args: string[]] {
  return [Deno.execPath(), ...denoArguments() ?? ["run", "-A", Deno.mainModule], ...args];
}

/** What stands between `deno` and the program's arguments; undefined where the system does not tell. */
function denoArguments(): string[] | undefined {
  try {
    const words = Deno.readTextFileSync("/proc/self/cmdline").split("\0").slice(1, -1);
    return words.slice(0, words.length - Deno.args.length);
  } catch {
    return undefined;
  }
}

/** Arguments without a flag and its value. */
export function without(flag: string, args: readonly string[]): string[] {
  return args.filter((word, i) =>
    word !== flag && !word.startsWith(`${flag}=`) && args[i - 1] !== flag
  );
}
