/**
 * Commands that run on several processes: which of them this is, what each prints, and how they end.
 *
 * @module
 */

import { UserError } from "../../lib/errors.ts";
import type { MpiRanks } from "../../lib/ranks/mpi/mod.ts";
import { Terminal } from "../../lib/tracking/mod.ts";
import type { RunIo } from "../../lib/training/mod.ts";
import { checkValue, flagOf } from "../flag.ts";
import { FLAGS } from "../flags.ts";
import { Interrupted, SIGNALS, systemTerminal, withSystemIo } from "../io.ts";
import { allowedCores, threadsOf } from "./cores.ts";
import { takeGpu } from "./gpus.ts";
import { launchedHere } from "./launched.ts";
import { startRanks, STOP_SIGNAL } from "./start.ts";
import { watch } from "./watchdog.ts";

/** What of a command's flags decides on which processes it runs. */
export interface Processes {
  /** How many to start. */
  nproc: number | undefined;
  /** Whether to print results and warnings alone. */
  quiet: boolean | undefined;
  /** Threads of each, if they were said. */
  threads: number | undefined;
}

/** The ranks that this process has opened: MPI is there once in a process. */
let opened: MpiRanks | undefined;

/**
 * Runs a command on as many processes as were started, each with its part of the machine; where
 * several are asked for, starts them.
 *
 * @param run Gets the world around it, and how many threads to compute on, where that is not left to
 * the device.
 * @throws {UserError} where the ranks do not find each other, or cannot be started.
 * @throws {Interrupted} when the run ended after a graceful stop.
 */
export async function onRanks(
  { nproc, quiet, threads }: Processes,
  run: (io: RunIo, threads: number | undefined) => Promise<void>,
): Promise<void> {
  const launched = launchedHere();
  if (nproc !== undefined) checkValue("nproc", FLAGS["Device and output"].nproc, nproc);
  if (nproc !== undefined && launched) {
    const { launcher } = launched;
    throw new UserError(`${flagOf("nproc")} starts mpirun itself: leave it out under ${launcher}`);
  }
  if (nproc !== undefined && nproc > 1) return await startRanks(nproc);
  if (!launched || launched.worldSize === 1) {
    return await withSystemIo(quiet, (io) => run(io, threads));
  }
  const ranks = opened = await openRanks();
  const terminal = ranks.rank === 0 ? systemTerminal(quiet) : silentTerminal();
  takeGpu(ranks.localRank);
  const share = await threadsOf(ranks, ranks.hosts);
  const stopSignal = Deno.env.get(STOP_SIGNAL) as Deno.Signal | undefined;
  if (!stopSignal && launched.launcher === "mpirun") adviseOnMpirun(terminal, ranks.localSize);
  const unwatch = watch(
    ranks,
    (minutes) =>
      fail((who) =>
        systemTerminal().error(`${who}nothing was heard of the other ranks for ${minutes} minutes`)
      ),
  );
  try {
    await withSystemIo(quiet, (io) => run(io, threads ?? share), {
      ranks,
      terminal,
      ...stopSignal
        ? { signals: [stopSignal] }
        : { signals: stopSignals(), launcher: launched.launcher },
    });
  } catch (error) {
    // The other ranks may be at anything, and will not meet this one at the end.
    if (!(error instanceof Interrupted)) throw error;
    await ranks.close();
    throw error;
  } finally {
    unwatch();
  }
  await ranks.close();
}

/** The signals by which what a person started ranks with stops them. */
function stopSignals(): Deno.Signal[] {
  // Open MPI's sends this one at once, SIGTERM a second later and SIGKILL after another.
  const early: Deno.Signal[] = isOpenMpi() ? ["SIGCONT"] : [];
  return [...SIGNALS, "SIGUSR2", ...early];
}

function isOpenMpi(): boolean {
  return Deno.env.has("OMPI_COMM_WORLD_SIZE");
}

/** How long a rank other than the first waits with its error, in milliseconds. */
const DELAY = 1500;

/**
 * Tells the person what went wrong on this rank, and ends them all. What is wrong on every rank the
 * first tells, which ends the others before they do.
 *
 * @param tell Prints it, with the rank in front.
 * @returns The code to exit with.
 */
export async function fail(tell: (who: string) => void): Promise<number> {
  const { rank } = launchedHere()!;
  if (rank > 0) await wait(DELAY);
  tell(rank > 0 ? `rank ${rank} (on ${Deno.hostname()}): ` : "");
  // What is on its way to the person gets lost where mpirun ends first.
  await wait(100);
  opened?.abort(1);
  return 1;
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Finds the other ranks. */
async function openRanks(): Promise<MpiRanks> {
  // Who runs one process has no MPI.
  const { openMpi } = await import("../../lib/ranks/mpi/mod.ts");
  return await openMpi((name) => Deno.env.get(name));
}

/** Where ranks other than the first print: nowhere. */
function silentTerminal(): Terminal {
  return new Terminal({
    stdout: () => {},
    stderr: () => {},
    isTerminal: false,
    columns: () => 80,
    colors: false,
    quiet: true,
    now: () => performance.now(),
  });
}

/** Says what `mpirun`, started by a person, takes from a run. */
function adviseOnMpirun(terminal: Terminal, localSize: number): void {
  const { length: own } = allowedCores(), { length: all } = allowedCores(Deno.ppid);
  const share = Math.floor(all / localSize);
  if (own < share) {
    terminal.info(
      `mpirun binds each rank to ${own} of ${all} cores; with --bind-to none it has ${share}`,
    );
  }
  // MPICH's hands Ctrl-C on, and waits.
  if (!isOpenMpi()) return;
  terminal.info(
    "mpirun kills this run two seconds after Ctrl-C; kill -USR2 with mpirun's process lets it save " +
      "however long that takes",
  );
}
