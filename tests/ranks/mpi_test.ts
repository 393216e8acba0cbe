/** Ranks over the MPIs of this machine, as real processes. */
import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { launchedRanks, openMpi } from "../../lib/ranks/mpi/mod.ts";
import { mpis, runRanks } from "./mpirun.ts";

for (const name of ["Open MPI", "MPICH"] as const) {
  const using = mpis.find((mpi) => mpi.name === name);
  Deno.test({
    name: `ranks hand each other what they should over ${name}`,
    ignore: using === undefined,
    fn: async () => {
      const { code, stdout, stderr } = await runRanks(3, ["tests/ranks/mpi_child.ts"], { using });
      const lines = stdout.trim().split("\n").sort();
      assertEquals({ code, lines, stderr }, {
        code: 0,
        lines: [0, 1, 2].map((rank) => `rank ${rank} of 3 is done`),
        stderr: "",
      });
    },
  });
}

Deno.test("what no launcher started is one process", async () => {
  assertEquals(launchedRanks(() => undefined), 1);
  assertEquals(launchedRanks((name) => name === "OMPI_COMM_WORLD_SIZE" ? "1" : undefined), 1);
  assertEquals(launchedRanks((name) => name === "PMI_SIZE" ? "4" : undefined), 4);
  assertEquals(launchedRanks((name) => name === "SLURM_STEP_NUM_TASKS" ? "16" : undefined), 16);
  const error = await openMpi(() => undefined).catch((error) => error);
  assertThrows(
    () => {
      throw error;
    },
    UserError,
    "neither mpirun nor srun",
  );
});
