/**
 * Imported for its effect: what is wrong with a flag, a path or a file ends a benchmark with one
 * line instead of a stack trace.
 */
import { UserError } from "../lib/errors.ts";

globalThis.addEventListener("unhandledrejection", ({ reason }) => {
  // What parseArgs of node:util throws has such a code.
  const isFlagError = reason instanceof TypeError && "code" in reason &&
    `${reason.code}`.startsWith("ERR_PARSE_ARGS");
  if (!isFlagError && !(reason instanceof UserError)) return;
  console.error(reason.message);
  Deno.exit(1);
});
