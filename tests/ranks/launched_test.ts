import { assertEquals } from "@std/assert";
import { launchedBy } from "../../lib/ranks/mpi/mod.ts";

Deno.test("the environment tells what started a process, and as which of how many", () => {
  const by = (variables: Record<string, string>) => launchedBy((name) => variables[name]);
  assertEquals(by({}), undefined);
  assertEquals(by({ OMPI_COMM_WORLD_SIZE: "8", OMPI_COMM_WORLD_RANK: "3" }), {
    kinds: ["Open MPI"],
    launcher: "mpirun",
    rank: 3,
    worldSize: 8,
  });
  assertEquals(by({ PMI_SIZE: "2", PMI_RANK: "0" })?.launcher, "mpirun");
  const slurm = { SLURM_NTASKS: "4", SLURM_PROCID: "0" };
  assertEquals(by(slurm), undefined, "a batch script's own process");
  assertEquals(by({ ...slurm, SLURM_STEP_NUM_TASKS: "4" }), {
    kinds: ["Open MPI", "MPICH"],
    launcher: "srun",
    rank: 0,
    worldSize: 4,
  });
  // mpirun starts its own helpers with srun, whose variables the ranks inherit.
  const both = { ...slurm, SLURM_STEP_NUM_TASKS: "1", OMPI_COMM_WORLD_SIZE: "4" };
  assertEquals(by({ ...both, OMPI_COMM_WORLD_RANK: "2" })?.rank, 2);
});
