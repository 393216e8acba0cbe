import type { MpiKind } from "./library.ts";

/** Reads an environment variable. */
export type Env = (name: string) => string | undefined;

/** One of several processes, as what started them tells it before MPI is open. */
export interface Launched {
  /** What started them. */
  launcher: "mpirun" | "srun";
  /** Which of them this is, from 0. */
  rank: number;
  /** How many they are. */
  worldSize: number;
  /** The libraries that they may speak, the likeliest first. */
  kinds: readonly MpiKind[];
}

/** Where each launcher says it: Open MPI's, MPICH's and its kin's, Slurm's. */
const LAUNCHERS:
  readonly (Pick<Launched, "launcher" | "kinds"> & { size: string; rank: string })[] = [
    {
      launcher: "mpirun",
      size: "OMPI_COMM_WORLD_SIZE",
      rank: "OMPI_COMM_WORLD_RANK",
      kinds: ["Open MPI"],
    },
    { launcher: "mpirun", size: "PMI_SIZE", rank: "PMI_RANK", kinds: ["MPICH", "Open MPI"] },
    {
      launcher: "srun",
      // Not SLURM_NTASKS, which a batch script has too, whose own process is alone.
      size: "SLURM_STEP_NUM_TASKS",
      rank: "SLURM_PROCID",
      kinds: ["Open MPI", "MPICH"],
    },
  ];

/**
 * Which of the processes that `mpirun` or `srun` started this is; undefined where none did. Nothing of
 * MPI is loaded for it.
 *
 * @param env Reads an environment variable.
 */
export function launchedBy(env: Env): Launched | undefined {
  for (const { size, rank, ...rest } of LAUNCHERS) {
    const numbers = { worldSize: Number(env(size) || NaN), rank: Number(env(rank) || NaN) };
    if (Object.values(numbers).every(Number.isSafeInteger)) return { ...rest, ...numbers };
  }
  return undefined;
}
