/** `--nproc` with the MPIs of this machine, on a program that does what it is told. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { startRanks } from "../../../cli/ranks/start.ts";
import { UserError } from "../../../lib/errors.ts";
import { mpis } from "../../ranks/mpirun.ts";
import { inTempDir } from "../../temp_dir.ts";

const program = join(import.meta.dirname!, "program.ts");

/** How a program ended. */
interface Ended {
  code: number;
  out: string;
  err: string;
}

/**
 * Runs the program on two ranks.
 *
 * @param mpirun The program that is found as `mpirun`.
 * @param signals Those sent to it once the ranks have met.
 */
async function run(
  mpirun: string,
  what: string,
  ...signals: Deno.Signal[]
): Promise<Ended> {
  let ended: Ended | undefined;
  await inTempDir(async (folder) => {
    const path = join(folder, "mpirun");
    await Deno.writeTextFile(path, `#!/bin/sh\nexec ${mpirun} "$@"\n`, { mode: 0o755 });
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", program, what, "--nproc", "2"],
      env: { PATH: `${folder}:${Deno.env.get("PATH")}`, NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const texts = { out: "", err: "" };
    const drain = async (stream: ReadableStream<Uint8Array>, key: "out" | "err") => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) texts[key] += text;
    };
    const drained = Promise.all([drain(child.stdout, "out"), drain(child.stderr, "err")]);
    let hasEnded = false;
    child.status.then(() => hasEnded = true);
    for (const [i, signal] of signals.entries()) {
      while (!hasEnded && !(i === 0 ? texts.out.includes("ready") : texts.err.includes("again"))) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      if (!hasEnded) child.kill(signal);
    }
    const { code } = await child.status;
    await drained;
    ended = { code, ...texts };
  });
  return ended!;
}

for (const name of ["Open MPI", "MPICH"] as const) {
  const mpirun = mpis.find((mpi) => mpi.name === name)?.command[0];
  const test = (does: string, fn: (mpirun: string) => Promise<void>) =>
    Deno.test({ name: `${name}: ${does}`, ignore: mpirun === undefined, fn: () => fn(mpirun!) });

  test("rank 0 prints for all of them, and their end is the run's", async (mpirun) => {
    const { code, out, err } = await run(mpirun, "end");
    const threads = Math.max(1, Math.floor(navigator.hardwareConcurrency / 2));
    assertEquals({ code, out, err }, {
      code: 0,
      out: `2 ranks of ${threads} threads\nready\n`,
      err: "",
    });
  });

  if (name === "Open MPI") {
    test("what a rank prints is left as it is", async (mpirun) => {
      const { code, out } = await run(mpirun, "odd");
      const rule = "-".repeat(76);
      const odd = `ready\nerror: x\n${rule}\n\nerror: x\nmpirun: y\n${rule}\n\n`;
      assertEquals([code, out.endsWith(odd)], [0, true], out);
    });
  }

  test("an error is one line, of the rank that has it", async (mpirun) => {
    const lines = Object.entries({
      "misspelt": "error: what is wrong before they meet\n",
      "fail": "error: what is wrong everywhere\n",
      "fail 1": `error: rank 1 (on ${Deno.hostname()}): what is wrong on one\n`,
    });
    await Promise.all(lines.map(async ([what, line]) => {
      const { code, err } = await run(mpirun, what);
      assertEquals([code, err], [1, line], what);
    }));
  });

  test("a fault of a rank ends them all, with its place", async (mpirun) => {
    const { code, err } = await run(mpirun, "crash 1");
    assertEquals(code, 1);
    assertEquals(
      err.startsWith(`error: rank 1 (on ${Deno.hostname()}): TypeError: a fault\n`),
      true,
    );
    assertStringIncludes(err, "program.ts:");
  });

  test("a rank that is killed ends them all within seconds, with one line", async (mpirun) => {
    await Promise.all([0, 1].map(async (rank) => {
      const began = performance.now();
      const { code, err } = await run(mpirun, `die ${rank}`);
      assertEquals(performance.now() - began < 10_000, true);
      assertEquals(code, 1);
      assertEquals(
        err.replace(/rank \(process \d+/, `rank ${rank} (`).replace("a rank", "rank").replace(
          "( ",
          "(",
        ),
        `error: rank ${rank} (on ${Deno.hostname()}) was ended by signal 9: ` +
          "something killed it, such as the system for want of memory\n",
      );
    }));
  });

  test("Ctrl-C and SIGTERM let the ranks save, and the second Ctrl-C does not", async (mpirun) => {
    const [byInt, byTerm, atOnce] = await Promise.all([
      run(mpirun, "wait", "SIGINT"),
      run(mpirun, "wait", "SIGTERM"),
      run(mpirun, "stuck", "SIGINT", "SIGINT"),
    ]);
    assertEquals([byInt.code, byTerm.code, atOnce.code], [130, 143, 130], byInt.err + byTerm.err);
    assertEquals(
      [byInt, byTerm, atOnce].map(({ out }) => out.endsWith("ready\nsaved\n")),
      [true, true, false],
    );
  });
}

Deno.test("more processes than a machine can hold are refused before one is started", async () => {
  await assertRejects(() => startRanks(100_000), UserError, "--nproc 100000 is too many");
});

Deno.test("a process without all permissions starts none that has them", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-ERSW", "--allow-run", "--no-prompt", "--no-check", program]
      .concat("end", "--nproc", "2"),
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [
    1,
    "error: --nproc starts processes with the permissions of this one, and needs all: deno run -A\n",
  ]);
});

Deno.test("an mpirun that is killed is named", async () => {
  const { code, err } = await run(`sh -c 'test "$1" = --version || kill -KILL $$' sh`, "end");
  assertEquals([code, err], [1, "error: mpirun was ended by SIGKILL\n"]);
});
