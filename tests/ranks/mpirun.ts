/** Starting ranks with `mpirun`, for the tests that need real processes. */
import { fromFileUrl } from "@std/path";

const root = fromFileUrl(new URL("../..", import.meta.url));

/** What a job of ranks ended with. */
export interface JobResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** An MPI whose ranks can be started. */
export interface Mpi {
  name: "Open MPI" | "MPICH";
  /** The program and what it needs on any machine, before `-n`. */
  command: readonly string[];
}

/** What lets Open MPI start more ranks than there are cores, as root too. */
const OPEN_MPI = [
  "--oversubscribe",
  "--bind-to",
  "none",
  "--mca",
  "mpi_yield_when_idle",
  "1",
];

/** The MPIs of this machine. */
export const mpis: readonly Mpi[] = (await Promise.all([
  find("Open MPI", ["mpirun.openmpi", "mpirun"], [
    ...OPEN_MPI,
    ...Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--allow-run-as-root"] : [],
  ]),
  find("MPICH", ["mpirun.mpich", "mpirun"], []),
])).filter((mpi) => mpi !== undefined);

/** One of them, or undefined: tests are ignored then. */
export const mpi: Mpi | undefined = mpis[0];

async function find(
  name: Mpi["name"],
  programs: string[],
  args: string[],
): Promise<Mpi | undefined> {
  for (const program of programs) {
    try {
      const { stdout } = await new Deno.Command(program, { args: ["--version"] }).output();
      const text = new TextDecoder().decode(stdout);
      const isOpenMpi = text.includes("Open MPI") || text.includes("OpenRTE");
      if (isOpenMpi === (name === "Open MPI")) return { name, command: [program, ...args] };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return undefined;
}

/** Starts a program of this package on several ranks. */
export function startRanks(
  ranks: number,
  args: readonly string[],
  { using = mpi!, env = {} }: { using?: Mpi; env?: Record<string, string> } = {},
): Deno.ChildProcess {
  const [program, ...options] = using.command;
  return new Deno.Command(program, {
    args: [...options, "-n", String(ranks), Deno.execPath(), "run", "-A", "--no-check", ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a program of this package on several ranks to its end. */
export async function runRanks(
  ranks: number,
  args: readonly string[],
  options: { using?: Mpi; env?: Record<string, string> } = {},
): Promise<JobResult> {
  const { code, stdout, stderr } = await startRanks(ranks, args, options).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
