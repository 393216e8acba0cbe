/** What started this process as one of several. */

/** One of several processes, as what started them tells it before MPI is open. */
export interface Launched {
  /** What started them. */
  launcher: "mpirun" | "srun";
  /** Which of them this is, from 0. */
  rank: number;
  /** How many they are. */
  worldSize: number;
}

/** Where each launcher says it: Open MPI's, MPICH's and its kin's, Slurm's. */
const VARIABLES = [
  { launcher: "mpirun", size: "OMPI_COMM_WORLD_SIZE", rank: "OMPI_COMM_WORLD_RANK" },
  { launcher: "mpirun", size: "PMI_SIZE", rank: "PMI_RANK" },
  // Not SLURM_NTASKS, which a batch script has too, whose own process is alone.
  { launcher: "srun", size: "SLURM_STEP_NUM_TASKS", rank: "SLURM_PROCID" },
] as const;

/**
 * Which of several processes this is; undefined where a person started it.
 *
 * @param env Reads an environment variable.
 */
export function launchedBy(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Launched | undefined {
  for (const { launcher, ...names } of VARIABLES) {
    const size = env(names.size), rank = env(names.rank);
    if (size && rank) return { launcher, rank: Number(rank), worldSize: Number(size) };
  }
}
