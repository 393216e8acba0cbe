/** Ranks over the MPIs of this machine, as real processes. */
import { assertEquals, assertRejects } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { openMpi } from "../../lib/ranks/mpi/mod.ts";
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
  for (const variables of [{}, { OMPI_COMM_WORLD_SIZE: "1", OMPI_COMM_WORLD_RANK: "0" }]) {
    const env = (name: string) => (variables as Record<string, string>)[name];
    await assertRejects(() => openMpi(env), UserError, "neither mpirun nor srun");
  }
});
