/**
 * Ranks over MPI: {@linkcode openMpi}, for programs that `mpirun` or `srun` started. Open MPI and
 * MPICH are called through Deno's foreign function interface; nothing is built.
 *
 * @example Run with `mpirun -n 2 deno run -A example.ts`
 * ```ts ignore
 * import { openMpi } from "@nanochat/sft/ranks/mpi";
 *
 * const ranks = await openMpi((name) => Deno.env.get(name));
 * const numbers = Float64Array.of(ranks.rank + 1);
 * await ranks.sum(numbers);
 * console.log(`rank ${ranks.rank} of ${ranks.worldSize} on ${ranks.hosts[ranks.rank]}`, numbers);
 * await ranks.close();
 * ```
 *
 * @module
 */
import { UserError } from "../../errors.ts";
import { type Env, launchedBy } from "./launched.ts";
import { openMpiLibrary } from "./library.ts";
import { MpiRanks } from "./mpi_ranks.ts";

export { type Env, type Launched, launchedBy } from "./launched.ts";
export { MpiRanks } from "./mpi_ranks.ts";
export type { MpiKind, MpiLibrary, Requests } from "./library.ts";

/** Where launchers say which of a machine's processes this is, and of how many. */
const LOCAL = [
  ["OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"],
  ["MPI_LOCALRANKID", "MPI_LOCALNRANKS"],
] as const;

/**
 * Joins the other processes of an MPI job. All of them call it, once.
 *
 * @param env Reads an environment variable, of those that launchers set.
 * @throws {UserError} where no launcher started several processes, no MPI library is installed, or
 * it does not find the others.
 */
export async function openMpi(env: Env): Promise<MpiRanks> {
  const launched = launchedBy(env);
  if (!launched || launched.worldSize === 1) {
    throw new UserError("neither mpirun nor srun started several processes");
  }
  const library = openMpiLibrary(launched.kinds);
  library.init();
  const ranks = new MpiRanks(library);
  if (ranks.worldSize !== launched.worldSize) {
    throw new UserError(
      `${launched.worldSize} processes were started, but ${library.kind} finds ${ranks.worldSize}: ` +
        "start them with the mpirun of that MPI, or have srun speak its PMI, pmix or pmi2",
    );
  }
  const local = LOCAL.map((names) => names.map((name) => Number(env(name) ?? NaN)))
    .find((numbers) => numbers.every(Number.isSafeInteger));
  await ranks.meet(local && { rank: local[0], size: local[1] });
  return ranks;
}
