/** A small base directory, and a world around commands that use it. */
import type { RunIo } from "../../lib/training/mod.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { smallBaseDir } from "./small_base_dir.ts";

/** The model that the commands use. */
export const MODEL = { source: "base", deviceType: "cpu", threads: 1 } as const;

/** The base directory of this test file; it goes when the tests end. */
export const baseDir = await smallBaseDir();
addEventListener("unload", () => Deno.removeSync(baseDir, { recursive: true }));

/** A world, what was printed in it, and what stops it. */
export function world(): { io: RunIo; console: MemoryTerminal; controller: AbortController } {
  const console = new MemoryTerminal();
  const controller = new AbortController();
  const { terminal } = console;
  const io = { terminal, baseDir, signal: controller.signal, env: () => undefined, now: () => 0 };
  return { io, console, controller };
}
