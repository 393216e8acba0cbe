/**
 * Waits until it is told to stop, then ends; with the argument `stuck` it is busy for ever then, and with
 * `throws` it throws the signal's reason.
 */

import { exitCode, Interrupted, withSystemIo } from "../../cli/io.ts";

try {
  await withSystemIo(false, async ({ signal, terminal }) => {
    const timer = setInterval(() => {}, 1000);
    terminal.print("ready");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    while (Deno.args[0] === "stuck");
    clearInterval(timer);
    if (Deno.args[0] === "throws") signal.throwIfAborted();
    terminal.print("saved");
  });
} catch (error) {
  if (!(error instanceof Interrupted)) throw error;
  Deno.exitCode = exitCode(error.signal);
}
