/** Ranks over the MPIs of this machine, as real processes. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { openMpi } from "../../lib/ranks/mpi/mod.ts";
import { mpi, mpis, runRanks } from "./mpirun.ts";

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

Deno.test({
  name: "processes that do not find each other say how they would",
  ignore: mpi === undefined,
  fn: async () => {
    const tasks = { SLURM_STEP_NUM_TASKS: "4", SLURM_PROCID: "0" };
    const [size, rank] = mpi!.name === "MPICH"
      ? ["PMI_SIZE", "PMI_RANK"]
      : ["OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"];
    const others = { [size]: "2", [rank]: "0" };
    assertMatch(
      await openedAlone(tasks),
      /^srun started 4 processes, but .* finds 1: set SLURM_MPI_TYPE=pmi(x|2), which is srun's/,
    );
    assertMatch(
      await openedAlone(others),
      /^mpirun started 2 processes, but (.*) finds 1: that is the mpirun of another.* of \1\n$/,
    );
    // Not that there is no library.
    assertMatch(await openedAlone(others, "--allow-env"), /^Requires ffi access/);
  },
});

/** What a process that its environment takes for one of several says of the others. */
async function openedAlone(env: Record<string, string>, allow = "-A"): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", allow, "tests/ranks/mpi_alone.ts"],
    cwd: fromFileUrl(new URL("../..", import.meta.url)),
    env,
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}
