/**
 * A program that runs on ranks as the commands do: `program.ts [nproc] WHAT`. It meets the others all
 * the time, and does what it is told when they have met a few times.
 */
import { codeOf } from "../../../cli/end.ts";
import { onRanks } from "../../../cli/ranks/mod.ts";
import { UserError } from "../../../lib/errors.ts";
import { SINGLE } from "../../../lib/ranks/mod.ts";

/** What a model may write, which looks like what `mpirun` does. */
const ODD = ["error: x", "-".repeat(76), "", "error: x", "mpirun: y", "-".repeat(76), ""];

const [what, flag, value] = Deno.args;
const nproc = flag === "--nproc" ? Number(value) : undefined;

Deno.exit(
  await codeOf(() => {
    if (what === "misspelt") throw new UserError("what is wrong before they meet");
    return onRanks({ nproc, quiet: false, threads: undefined }, async (io, threads) => {
      const { ranks = SINGLE, terminal, signal } = io;
      terminal.print(`${ranks.worldSize} ranks of ${threads} threads`);
      for (let meetings = 0; !await ranks.any(signal.aborted); meetings++) {
        terminal.status(`meeting ${meetings}`);
        if (meetings === 20) {
          terminal.print("ready");
          act(ranks.rank);
          if (what === "odd") ODD.forEach((line) => terminal.print(line));
          if (what === "end" || what === "odd") return;
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      while (what === "stuck");
      terminal.print("saved");
    });
  }),
);

/** Does what the first argument says. */
function act(rank: number): void {
  if (what === "fail") throw new UserError("what is wrong everywhere");
  if (what === `fail ${rank}`) throw new UserError("what is wrong on one");
  if (what === `crash ${rank}`) throw new TypeError("a fault");
  if (what === `die ${rank}`) Deno.kill(Deno.pid, "SIGKILL");
}
