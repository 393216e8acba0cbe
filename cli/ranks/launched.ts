import { type Launched, launchedBy } from "../../lib/ranks/mpi/launched.ts";

/** Which of several processes this one is; undefined where a person started it. */
export function launchedHere(): Launched | undefined {
  return launchedBy((name) => Deno.env.get(name));
}
