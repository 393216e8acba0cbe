/** Starts the ranks of this machine with `mpirun`, and stands between it and the person. */

import { UserError } from "../../lib/errors.ts";
import { flagOf } from "../flag.ts";
import { COLUMNS_SHOWN, Interrupted, listenToSignals, systemTerminal, writeAll } from "../io.ts";
import { commandLine, without } from "./command_line.ts";
import { NoiseFilter } from "./noise.ts";

/** Names the one signal that asks a rank to stop; any other is to end it, for another rank has failed. */
export const STOP_SIGNAL = "NANOCHAT_STOP_SIGNAL";

/** Thrown where processes that were started have failed, and have said why. */
export class AlreadyTold extends Error {}

/** Milliseconds after which ranks that were to end at once are told again. */
const REPEAT = 1000;

const CLEAR_LINE = "\r\x1b[K";

/** An `mpirun`: what it is told, and the signal that it hands on to the ranks and outlives. */
interface Mpirun {
  arguments: string[];
  stopSignal: Deno.Signal;
  /** Whether it prints words of its own among those of the ranks on standard output. */
  isInOutput: boolean;
  /** What makes it hand a variable on to other hosts, which do not get the environment by itself. */
  handOn?: string;
}

/**
 * Runs this command on several ranks: starts them, shows what they print, hands Ctrl-C on so that they
 * save and stop, and waits for their end. A second Ctrl-C ends them at once.
 *
 * @throws {UserError} where they cannot be started, or have ended without a word.
 * @throws {Interrupted} when the run ended after a signal.
 * @throws {AlreadyTold} when it failed.
 */
export async function startRanks(nproc: number): Promise<void> {
  checkStart(nproc);
  const { columns, isTerminal } = systemTerminal();
  const isShown = isTerminal && Deno.stdout.isTerminal();
  const { arguments: args, stopSignal, isInOutput, handOn } = await findMpirun();
  const env = {
    ...Deno.env.toObject(),
    [STOP_SIGNAL]: stopSignal,
    ...isShown ? { [COLUMNS_SHOWN]: String(columns) } : {},
  };
  if (handOn) {
    args.push(...Object.keys(env).filter((name) => READ.test(name)).flatMap((n) => [handOn, n]));
  }
  const child = new Deno.Command("mpirun", {
    args: [...args, "-n", String(nproc), ...commandLine(without(flagOf("nproc"), Deno.args))],
    env,
    // Ctrl-C is for this process: mpirun would end the ranks.
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const signals: Deno.Signal[] = [];
  const hand = () => {
    try {
      child.kill(signals.length === 1 ? stopSignal : "SIGTERM");
    } catch {
      // It has just ended.
    }
  };
  let repeating: ReturnType<typeof setInterval> | undefined;
  const unlisten = listenToSignals((signal) => {
    // A closed terminal may send several.
    if (signal === "SIGHUP" && signals.length > 0) return;
    signals.push(signal);
    hand();
    // Two that come at once reach a rank as one: it would not end before a third.
    if (signals.length === 2) repeating = setInterval(hand, REPEAT);
  });
  const out = isInOutput ? new NoiseFilter() : undefined, err = new NoiseFilter();
  const [status] = await Promise.all([
    child.status,
    show(child.stdout, Deno.stdout, out),
    show(child.stderr, Deno.stderr, err),
  ]);
  unlisten();
  clearInterval(repeating);
  const isStopped = signals.length > 1 || signals.length === 1 && status.code !== 1;
  const isKnown = status.success || isStopped || err.isTold;
  const killed = status.signal ? `mpirun was ended by ${status.signal}` : undefined;
  const meaning = isKnown ? undefined : err.meaning ?? out?.meaning ?? killed;
  writeAll(Deno.stdout, out?.end(false) ?? "");
  if (isShown) writeAll(Deno.stderr, CLEAR_LINE);
  writeAll(Deno.stderr, err.end(!isKnown && meaning === undefined));
  if (isStopped) throw new Interrupted(signals[0]);
  if (meaning !== undefined) throw new UserError(meaning);
  if (!status.success) throw new AlreadyTold();
}

/** More processes on a core than this fill the memory before the first of them computes. */
const MOST_PER_CORE = 16;

/** All that Deno asks for. */
const PERMISSIONS = ["read", "write", "net", "env", "sys", "run", "ffi"] as const;

/**
 * Checks that ranks may be started.
 *
 * @throws {UserError} saying what to do where they may not.
 */
function checkStart(nproc: number): void {
  const cores = navigator.hardwareConcurrency, most = MOST_PER_CORE * cores;
  if (nproc > most) {
    throw new UserError(
      `${flagOf("nproc")} ${nproc} is too many for a machine of ${cores} cores: ${most} at most`,
    );
  }
  // What a permission is limited to cannot be asked, and a rank must not get more than this process.
  if (PERMISSIONS.some((name) => Deno.permissions.querySync({ name }).state !== "granted")) {
    throw new UserError(
      `${flagOf("nproc")} starts processes with the permissions of this one, and needs all: ` +
        "deno run -A",
    );
  }
}

/** Copies a stream as it comes, but for what a filter takes out. */
async function show(
  from: ReadableStream<Uint8Array>,
  to: { writeSync(bytes: Uint8Array): number },
  filter?: NoiseFilter,
): Promise<void> {
  for await (const text of from.pipeThrough(new TextDecoderStream())) {
    writeAll(to, filter ? filter.take(text) : text);
  }
}

/**
 * What the installed `mpirun` is to be told.
 *
 * @throws {UserError} where there is none.
 */
async function findMpirun(): Promise<Mpirun> {
  let version: string;
  try {
    const { stdout } = await new Deno.Command("mpirun", { args: ["--version"] }).output();
    version = new TextDecoder().decode(stdout);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UserError(
      "several processes need mpirun, which is not installed: apt install openmpi-bin (Debian, " +
        "Ubuntu), dnf install openmpi (Fedora), brew install open-mpi (macOS)",
    );
  }
  // MPICH hands on SIGTERM; Open MPI kills after it, and hands on this one. (SIGUSR1 is Deno's own.)
  if (!/Open MPI|OpenRTE/.test(version)) {
    return { arguments: ["-bind-to", "none"], stopSignal: "SIGTERM", isInOutput: true };
  }
  return {
    arguments: [
      ...Deno.uid() === 0 ? ["--allow-run-as-root"] : [],
      "--oversubscribe", // as many as asked for
      ...["--bind-to", "none"], // the ranks share the cores out
      ...KEEPALIVE.flatMap(([name, value]) => ["--mca", `oob_tcp_keepalive_${name}`, value]),
    ],
    stopSignal: "SIGUSR2",
    isInOutput: false,
    handOn: "-x",
  };
}

/** The variables that ranks read. */
const READ = /^(NANOCHAT|HF|DENO)_|^NO_COLOR$/;

/** When Open MPI takes a host for lost: after 5 s without a word and three questions, one a second. */
const KEEPALIVE = [["time", "5"], ["intvl", "1"], ["probes", "3"]];
