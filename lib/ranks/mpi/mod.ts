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
import { type Env, type Launched, launchedBy } from "./launched.ts";
import { type MpiKind, openMpiLibrary } from "./library.ts";
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
  if (ranks.worldSize !== launched.worldSize) throw strangers(launched, library.kind, ranks);
  const local = LOCAL.map((names) => names.map((name) => Number(env(name) ?? NaN)))
    .find((numbers) => numbers.every(Number.isSafeInteger));
  await ranks.meet(local && { rank: local[0], size: local[1] });
  return ranks;
}

/** The error where processes that were started together do not find each other. */
function strangers(
  { launcher, worldSize }: Launched,
  kind: MpiKind,
  { worldSize: found }: MpiRanks,
): UserError {
  const way = launcher === "srun"
    ? `set SLURM_MPI_TYPE=${kind === "MPICH" ? "pmi2" : "pmix"}, which is srun's mpi option`
    : `that is the mpirun of another MPI; use the one of ${kind}`;
  return new UserError(
    `${launcher} started ${worldSize} processes, but ${kind} finds ${found}: ${way}`,
  );
}
