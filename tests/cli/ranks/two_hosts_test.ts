/**
 * Two hosts, which are two network namespaces of this one: they see each other through a virtual cable
 * alone, and Open MPI starts what runs on the second as it would by `ssh`.
 */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { mpis } from "../../ranks/mpirun.ts";
import { inTempDir } from "../../temp_dir.ts";

const program = join(import.meta.dirname!, "program.ts");
const openMpi = mpis.find((mpi) => mpi.name === "Open MPI");
/** Namespaces of this test, which others may run beside it. */
const names = ["a", "b"].map((host) => `nanochat${Deno.pid}${host}`);
const addresses = ["10.77.0.1", "10.77.0.2"];

/** Runs a command; whether it could. */
async function can(program: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

const ip = async (...args: string[]) =>
  assertEquals(await can("ip", ...args), true, args.join(" "));

/** Whether hosts can be made here. */
async function canMakeHosts(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || !openMpi) return false;
  const isMade = await can("ip", "netns", "add", names[0]) &&
    await can("ip", "-n", names[0], "link", "add", "cable", "type", "veth") &&
    await can("ip", "netns", "exec", names[0], "unshare", "--uts", "true");
  await can("ip", "netns", "delete", names[0]);
  return isMade;
}

/** Makes the hosts and the cable, for as long as the body runs. */
async function withHosts(body: () => Promise<void>): Promise<void> {
  try {
    for (const name of names) await ip("netns", "add", name);
    await ip(
      ..."link add cable netns".split(" "),
      names[0],
      ..."type veth peer name cable netns"
        .split(" "),
      names[1],
    );
    for (const [i, name] of names.entries()) {
      await ip("-n", name, "addr", "add", `${addresses[i]}/24`, "dev", "cable");
      for (const link of ["lo", "cable"]) await ip("-n", name, "link", "set", link, "up");
    }
    await body();
  } finally {
    for (const name of names) await can("ip", "netns", "delete", name);
  }
}

/** A command line on one of the hosts, under a name of its own. */
function on(host: number, command: string): string {
  return `exec ip netns exec ${
    names[host]
  } unshare --uts sh -c "hostname host${host}; ${command}"\n`;
}

/** Runs the program on both hosts, from the first; pulls the cable once they have met, if asked to. */
async function run(folder: string, what: string, isCut = false) {
  const [agent, start, hosts] = ["agent", "start", "hosts"].map((name) => join(folder, name));
  await Deno.writeTextFile(agent, "#!/bin/sh\nshift\n" + on(1, "$*"), { mode: 0o755 });
  await Deno.writeTextFile(start, "#!/bin/sh\n" + on(0, "$*"), { mode: 0o755 });
  await Deno.writeTextFile(hosts, addresses.map((address) => `${address} slots=1\n`).join(""));
  const child = new Deno.Command(start, {
    args: [Deno.execPath(), "run", "-A", "--no-check", program, `'${what}'`, "--nproc", "2"],
    env: {
      NO_COLOR: "1",
      OMPI_MCA_plm_rsh_agent: agent,
      OMPI_MCA_orte_default_hostfile: hosts,
      OMPI_MCA_btl_tcp_if_include: "10.77.0.0/24",
      OMPI_MCA_oob_tcp_if_include: "10.77.0.0/24",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let out = "", err = "";
  const drained = Promise.all([
    (async () => {
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        if (isCut && !out.includes("ready") && (out + text).includes("ready")) {
          await ip("-n", names[0], "link", "set", "cable", "down");
        }
        out += text;
      }
    })(),
    (async () => {
      for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) err += text;
    })(),
  ]);
  const { code } = await child.status;
  await drained;
  return { code, out, err };
}

Deno.test({
  name: "two hosts run one job, and end with one line where a rank is killed or the cable pulled",
  ignore: !await canMakeHosts(),
  fn: () =>
    inTempDir((folder) =>
      withHosts(async () => {
        const out = `2 ranks of ${navigator.hardwareConcurrency} threads\nready\n`;
        assertEquals(await run(folder, "end"), { code: 0, out, err: "" });
        const why =
          "was ended by signal 9: something killed it, such as the system for want of memory";
        assertEquals(await run(folder, "die 1"), {
          code: 1,
          out,
          err: `error: rank 1 (on ${addresses[1]}) ${why}\n`,
        });
        assertEquals(await run(folder, "wait", true), {
          code: 1,
          out,
          err: `error: the connection to ${addresses[1]} is lost, and with it its ranks\n`,
        });
      })
    ),
});
