/** The real world for a run: the console, the environment, the clock and Ctrl-C. */

import { join } from "@std/path";
import type { Ranks } from "../lib/ranks/mod.ts";
import type { RunIo } from "../lib/training/mod.ts";
import { Terminal } from "../lib/tracking/mod.ts";
import { adviseOn } from "./errors.ts";

/** What ends a program from outside: Ctrl-C, being asked to, and the end of its terminal. */
export const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK", "SIGHUP"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** What a program exits with that a signal ended, as shells have it. */
export function exitCode(signal: Deno.Signal): number {
  return signal === "SIGTERM" ? 143 : signal === "SIGHUP" ? 129 : 130;
}

/** Thrown by {@linkcode withSystemIo} when a run was stopped by a signal and has ended gracefully. */
export class Interrupted extends Error {
  /** Tells by which signal. */
  constructor(readonly signal: Deno.Signal) {
    super();
  }
}

/**
 * Columns of the terminal on which another process shows what this one writes to its standard error;
 * only where its standard output would be shown there too.
 */
export const COLUMNS_SHOWN = "NANOCHAT_COLUMNS";

/** The console of this process; `stdout` is where its lines go. */
export function systemTerminal(
  quiet = false,
  stdout: { writeSync(bytes: Uint8Array): number } = Deno.stdout,
): Terminal {
  const shown = Number(Deno.env.get(COLUMNS_SHOWN));
  const isTerminal = shown > 0 || Deno.stderr.isTerminal();
  // Of two streams the other process would not know which piece came first.
  const lines = shown > 0 ? Deno.stderr : stdout;
  return new Terminal({
    stdout: (text) => writeAll(lines, text),
    stderr: (text) => writeAll(Deno.stderr, text),
    isTerminal,
    columns: () => shown > 0 ? shown : isTerminal ? Deno.consoleSize().columns : 80,
    // See no-color.org: any value that is not empty turns colours off.
    colors: (shown > 0 || isTerminal && Deno.stdout.isTerminal()) && !Deno.env.get("NO_COLOR"),
    quiet,
    now: () => performance.now(),
  });
}

/** Where adapters are looked for, by operating system; anywhere on others. */
const WEBGPU_BACKENDS: Record<string, string> = { linux: "vulkan", windows: "vulkan,dx12" };

/**
 * Keeps Deno from taking OpenGL, which lacks what the kernels need, where it finds nothing else;
 * where `DENO_WEBGPU_BACKEND` is set, it stays.
 */
export function avoidOpenGl(): void {
  const backends = WEBGPU_BACKENDS[Deno.build.os], variable = "DENO_WEBGPU_BACKEND";
  if (backends && !Deno.env.get(variable)) Deno.env.set(variable, backends);
}

/**
 * Tells Vulkan's libraries where Wayland's socket would be. Where nothing does, as in a container,
 * Mesa looks for it all the same and complains of the variable's absence on standard error.
 */
export function nameRuntimeDir(): void {
  const variable = "XDG_RUNTIME_DIR";
  if (Deno.build.os !== "linux" || Deno.env.get(variable)?.startsWith("/")) return;
  Deno.env.set(variable, `/run/user/${Deno.uid()}`);
}

/** A process that works with others. */
export interface OneOfSeveral {
  /** The processes. */
  ranks: Ranks;
  /** Where it prints. */
  terminal: Terminal;
  /** The signals that stop it. */
  signals: readonly Deno.Signal[];
  /** Who sends them, and ends the process all the same where it takes too long. */
  launcher: string;
}

/**
 * Runs a command with the real world around it.
 *
 * The first Ctrl-C (or SIGTERM, or SIGHUP of a terminal that is closed) aborts `io.signal`, which
 * asks for a graceful stop. The second ends the process, by the system and not by this program,
 * which may be busy; but for SIGHUP, of which a closed terminal may send several.
 *
 * @param one What is different where the process is one of several.
 * @throws {Interrupted} when the run ended after a graceful stop.
 */
export async function withSystemIo(
  quiet: boolean | undefined,
  run: (io: RunIo) => Promise<void>,
  {
    ranks,
    terminal = systemTerminal(quiet),
    signals,
    launcher,
  }: Partial<OneOfSeveral> = {},
): Promise<void> {
  const controller = new AbortController();
  let received: Deno.Signal | undefined;
  const unlisten = listenToSignals((signal) => {
    if (received) return;
    received = signal;
    controller.abort();
    if (launcher) {
      return terminal.warn(`stopping, as ${launcher} says: it was told to, or has lost a rank`);
    }
    // Before it is said: whoever presses again at once is not to be heard by a program that is busy.
    unlisten((signal) => signal !== "SIGHUP");
    terminal.warn("stopping; press Ctrl-C again to stop at once");
  }, signals);
  try {
    await run({
      terminal,
      signal: controller.signal,
      stop: () => {
        received ??= "SIGINT";
        controller.abort();
      },
      ranks,
      baseDir: baseDir(),
      env: (name) => Deno.env.get(name),
      now: () => performance.now(),
      advice: adviseOn,
    });
  } catch (error) {
    // What waits for the network or a lock throws the signal's reason.
    if (error !== controller.signal.reason) throw error;
  } finally {
    unlisten();
    terminal.status("");
  }
  if (received) throw new Interrupted(received);
}

/**
 * Lets the first signal end the program, whatever it is at, once the terminal is given back.
 *
 * The end is the system's: `Deno.exit` runs the exit handlers of the GPU's driver, and a software
 * driver that still compiles a kernel on a thread of its own crashes in them.
 *
 * @param restore Gives the terminal back.
 * @returns Takes the listeners away again.
 */
export function endBySignals(restore: () => void): () => void {
  const unlisten = listenToSignals((signal) => {
    restore();
    unlisten();
    // Windows has no end by a signal that says by which one.
    if (Deno.build.os === "windows") Deno.exit(exitCode(signal));
    Deno.kill(Deno.pid, signal);
  });
  return unlisten;
}

/** Stops listening: to all signals, or to those that are meant. */
export type Unlisten = (isMeant?: (signal: Deno.Signal) => boolean) => void;

/** Does something at each of some signals. */
export function listenToSignals(
  act: (signal: Deno.Signal) => void,
  signals: readonly Deno.Signal[] = SIGNALS,
): Unlisten {
  const listeners = signals.map((signal) => [signal, () => act(signal)] as const);
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return (isMeant = () => true) => {
    for (const [signal, listener] of listeners) {
      if (isMeant(signal)) Deno.removeSignalListener(signal, listener);
    }
  };
}

/** nanochat's folder: `$NANOCHAT_BASE_DIR`, else `~/.cache/nanochat`. */
export function baseDir(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  return Deno.env.get("NANOCHAT_BASE_DIR") || join(home, ".cache", "nanochat");
}

let isFailureTold = false;

/**
 * Writes text, all of it, at once. Where that fails, it is dropped, so that a run goes on and saves
 * what it learned: without a word where nobody reads any more (`… | head`), else with one on standard
 * error.
 */
export function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  try {
    for (let written = 0; written < bytes.length;) {
      written += stream.writeSync(bytes.subarray(written));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe || isFailureTold) return;
    isFailureTold = true;
    const reason = error instanceof Error ? error.message : String(error);
    writeAll(
      Deno.stderr,
      `warning: what is printed is lost, for it cannot be written: ${reason}\n`,
    );
  }
}
