/** How the program ends: its exit code, and the error that a person reads. */

import { ValidationError } from "@cliffy/command";
import { UserError } from "../lib/errors.ts";
import { exitCode, Interrupted, systemTerminal, writeAll } from "./io.ts";
import { fail } from "./ranks/mod.ts";
import { launchedHere } from "./ranks/launched.ts";
import { AlreadyTold } from "./ranks/start.ts";

/**
 * Runs a program to its end, and tells what went wrong.
 *
 * @returns The code to exit with: 0; 1 for an error; 130 after Ctrl-C, 143 and 129 after SIGTERM and
 * SIGHUP.
 * @throws what is a fault of this program, where it is the only process.
 */
export async function codeOf(run: () => Promise<unknown>): Promise<number> {
  try {
    await run();
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) return exitCode(error.signal);
    if (error instanceof AlreadyTold) return 1;
    if (error instanceof Deno.errors.NotCapable) {
      // It names the permission that is missing; to look for colours or other ranks may take one too.
      writeAll(Deno.stderr, `error: ${error.message}\n`);
      return 1;
    }
    const isForPerson = error instanceof UserError || error instanceof ValidationError;
    const tell = (who: string) =>
      isForPerson
        ? systemTerminal().error(who + error.message)
        : writeAll(Deno.stderr, `error: ${who}${Deno.inspect(error)}\n`);
    if (launchedHere()) return await fail(tell);
    if (!isForPerson) throw error;
    tell("");
    return 1;
  }
}
