/**
 * Two hosts, which are two network namespaces of this one: they see each other through a virtual cable
 * alone, and Open MPI starts what runs on the second as it would by `ssh`.
 */
import { assertEquals, assertNotEquals } from "@std/assert";
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

/** What starts the ranks, on the first host. */
interface Launcher {
  program: string;
  /** Open MPI's settings, in the environment. */
  env?: Record<string, string>;
}

const OF_THE_CABLE = {
  OMPI_MCA_btl_tcp_if_include: "10.77.0.0/24",
  OMPI_MCA_oob_tcp_if_include: "10.77.0.0/24",
};
const KEEPALIVE = "--mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 1 " +
  "--mca oob_tcp_keepalive_probes 3";

/** The program by itself, which starts `mpirun`; and a person's `mpirun`. */
function launchersOf(what: string, hosts: string): Record<"ours" | "mpirun", Launcher> {
  const command = `${Deno.execPath()} run -A --no-check ${program} '${what}'`;
  return {
    ours: { program: `${command} --nproc 2`, env: { OMPI_MCA_orte_default_hostfile: hosts } },
    mpirun: {
      program: `${openMpi!.command[0]} --allow-run-as-root --bind-to none -q ${KEEPALIVE} ` +
        `--host ${addresses.join()} -n 2 ${command}`,
    },
  };
}

/**
 * Runs the program on both hosts, from the first, in both ways at once; pulls the cable once all have
 * met, if asked to.
 */
async function run(folder: string, what: string, isCut = false) {
  const [agent, hosts] = ["agent", "hosts"].map((name) => join(folder, name));
  await Deno.writeTextFile(agent, "#!/bin/sh\nshift\n" + on(1, "$*"), { mode: 0o755 });
  await Deno.writeTextFile(hosts, addresses.map((address) => `${address} slots=1\n`).join(""));
  let met = 0;
  const onMet = async () => {
    if (++met === 2 && isCut) await ip("-n", names[0], "link", "set", "cable", "down");
  };
  const runs = Object.entries(launchersOf(what, hosts)).map(async ([name, launcher]) => {
    const start = join(folder, name);
    await Deno.writeTextFile(start, "#!/bin/sh\n" + on(0, launcher.program), { mode: 0o755 });
    const child = new Deno.Command(start, {
      env: { NO_COLOR: "1", OMPI_MCA_plm_rsh_agent: agent, ...OF_THE_CABLE, ...launcher.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const texts = { out: "", err: "" };
    const drain = async (stream: ReadableStream<Uint8Array>, key: "out" | "err") => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        const hasMet = texts[key].includes("ready");
        texts[key] += text;
        if (!hasMet && texts[key].includes("ready")) await onMet();
      }
    };
    const [{ code }] = await Promise.all([
      child.status,
      drain(child.stdout, "out"),
      drain(child.stderr, "err"),
    ]);
    return { code, ...texts };
  });
  const [ours, mpirun] = await Promise.all(runs);
  return { ours, mpirun };
}

Deno.test({
  name: "two hosts run one job, and end with one line where a rank is killed or the cable pulled",
  ignore: !await canMakeHosts(),
  fn: () =>
    inTempDir((folder) =>
      withHosts(async () => {
        const out = `2 ranks of ${navigator.hardwareConcurrency} threads\nready\n`;
        const ended = await run(folder, "end");
        assertEquals(ended.ours, { code: 0, out, err: "" });
        assertEquals([ended.mpirun.code, ended.mpirun.out.endsWith(out)], [0, true]);

        const killed = await run(folder, "die 1");
        const why =
          "was ended by signal 9: something killed it, such as the system for want of memory";
        const err = `error: rank 1 (on ${addresses[1]}) ${why}\n`;
        assertEquals(killed.ours, { code: 1, out, err });
        const stopping = "warning: stopping, as mpirun says: it was told to, or has lost a rank\n";
        assertEquals([killed.mpirun.code, killed.mpirun.err], [137, stopping]);

        const cut = await run(folder, "wait", true);
        const lost = `error: the connection to ${addresses[1]} is lost, and with it its ranks\n`;
        assertEquals(cut.ours, { code: 1, out, err: lost });
        assertNotEquals(cut.mpirun.code, 0);
        assertEquals(cut.mpirun.err, stopping);
      })
    ),
});
