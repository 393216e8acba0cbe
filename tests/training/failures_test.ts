/** What becomes of a run of several ranks when something fails on one. */
import { assertEquals, assertRejects } from "@std/assert";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { GPT, initialParameters, Pass } from "../../lib/model/mod.ts";
import { type Ranks, together } from "../../lib/ranks/mod.ts";
import { areWorthSaving, attempt, type MeasurementIo } from "../../lib/training/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

/** A rank's world, what it was warned of, and what stops it. */
function world(ranks: Ranks) {
  const console = new MemoryTerminal(), controller = new AbortController();
  const { terminal } = console, { signal } = controller;
  const io: MeasurementIo = { terminal, signal, ranks, stop: () => controller.abort() };
  return { io, console, controller };
}

Deno.test("what fails on one rank is a warning on all, and the run goes on", async () => {
  const warnings = await onRanks(3, async (ranks) => {
    const { io, console } = world(ranks);
    const { rank } = ranks,
      fail = (what: string) => {
        throw new UserError(what);
      };
    // Before, between and after what they do together.
    await attempt("this", io, async () => {
      await together(io, () => rank === 1 ? fail("no room") : undefined);
      await ranks.barrier();
    });
    await attempt("that", io, async () => {
      await ranks.barrier();
      if (rank !== 1) throw new TypeError("no sink\nat …");
    });
    await attempt("more", io, () => ranks.barrier());
    return console.stderr.trimEnd().split("\n");
  });
  const line = (what: string, reason: string) =>
    `warning: ${what} could not be measured, and the run goes on: ${reason}`;
  assertEquals(warnings, [
    [line("this", "rank 1: no room"), line("that", "no sink")],
    [line("this", "no room"), line("that", "rank 0: no sink")],
    [line("this", "rank 1: no room"), line("that", "no sink")],
  ]);
});

Deno.test("a device that is lost on one rank ends the run on all", async () => {
  for (const others of ["fine", "failing"]) {
    const errors = await onRanks(3, async (ranks) => {
      const { io } = world(ranks);
      const lost = new UserError("the GPU is gone", { detail: { kind: "deviceLost" } });
      const measure = () => {
        if (ranks.rank === 1) return Promise.reject(lost);
        if (others === "failing") return Promise.reject(new UserError("no room"));
        return Promise.resolve();
      };
      return (await assertRejects(() => attempt("this", io, measure), UserError)).message;
    });
    const other = others === "failing" ? "no room" : "rank 1: the GPU is gone";
    assertEquals(errors, [other, "the GPU is gone", other]);
  }
});

Deno.test("what is stopped on one rank is left out on all", async () => {
  for (const when of ["before", "meanwhile"]) {
    const outcomes = await onRanks(3, async (ranks) => {
      const { io, console, controller } = world(ranks);
      let isDone = false;
      if (when === "before" && ranks.rank === 2) controller.abort();
      await attempt("this", io, async () => {
        await together(io, () => {
          if (ranks.rank === 2) controller.abort();
          io.signal.throwIfAborted();
        });
        isDone = true;
      });
      return [isDone, io.signal.aborted, console.stderr];
    });
    assertEquals(outcomes, Array(3).fill([false, true, ""]));
  }
});

Deno.test("weights that are unsound on one rank are saved by none", async () => {
  const device = await createCpuDevice({ threads: 1 });
  const config = { sequenceLen: 8, vocabSize: 64, nLayer: 1, nHead: 1, nKvHead: 1, nEmbd: 32 };
  const outcomes = (broken: number, end?: "failed") =>
    onRanks(3, async (ranks) => {
      const { io, console } = world(ranks);
      const model = new GPT(device, { ...config, windowPattern: "L" });
      await model.load(initialParameters(model.config, 1));
      if (ranks.rank === broken) {
        device.write(model.value("lm_head.weight"), Float32Array.of(NaN));
      }
      const pass = new Pass(model, 1, 8), tokens = new Int32Array(8);
      pass.batch.write(tokens, tokens);
      const answer = await areWorthSaving(pass, 3, end, io).catch(({ message }) => message);
      return console.stderr === "" ? answer : [answer, console.stderr];
    });
  assertEquals(await outcomes(-1), [true, true, true]);
  const message = "the weights after step 3 do not give a finite loss, and were not saved; " +
    "a lower learning rate may keep them in bounds";
  assertEquals(await outcomes(1), Array(3).fill(message));
  assertEquals(await outcomes(1, "failed"), Array(3).fill([false, `warning: ${message}\n`]));
  await device.close();
});
