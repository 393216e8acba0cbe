/** Opens MPI where no launcher is, for mpi_test.ts, and prints what it says. */
import { openMpi } from "../../lib/ranks/mpi/mod.ts";

const error: Error = await openMpi((name) => Deno.env.get(name)).then(
  () => new Error("it was opened"),
  (error) => error,
);
console.log(error.message);
Deno.exit(0);
