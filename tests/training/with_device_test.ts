/** What several ranks compute on, and how that is said. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Device } from "../../lib/device/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { nameDevices } from "../../lib/training/name_devices.ts";
import { withDevice } from "../../lib/training/mod.ts";
import { onRanks } from "../ranks/in_process.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

/** The line of rank 0 for devices by their ranks. */
async function lineOf(devices: [kind: string, name: string, gpu?: string][]): Promise<string> {
  const lines = await onRanks(devices.length, (ranks) => {
    const [kind, name, gpu] = devices[ranks.rank];
    const env = (variable: string) => variable === "DRI_PRIME" ? gpu : undefined;
    return nameDevices({ kind, name } as Device, "as asked", { ranks, env });
  });
  return lines[0];
}

Deno.test("one line names the devices of all ranks, and those that share one", async () => {
  const cpu: [string, string] = ["cpu", "WebAssembly on 1 thread"];
  const gpu = (id?: string): [string, string, string?] => ["webgpu", "Große Karte", id];
  assertEquals(await lineOf([gpu()]), "Device: webgpu, Große Karte (as asked)");
  assertEquals(
    await lineOf([cpu, cpu]),
    "Device: cpu, WebAssembly on 1 thread (as asked), on each of 2 ranks",
  );
  assertEquals(
    await lineOf([gpu("a"), gpu("b")]),
    "Device: webgpu, Große Karte (as asked), on each of 2 ranks",
  );
  assertEquals(
    await lineOf([gpu("a"), gpu("a"), gpu("b"), gpu("a"), gpu("b")]),
    "Device: webgpu, Große Karte (as asked), on each of 5 ranks; " +
      "ranks 0-1, 3 seem to share one GPU; ranks 2, 4 seem to share one GPU",
  );
  assertEquals(
    await lineOf([gpu(), cpu, gpu(), ["webgpu", "Kleine"]]),
    "Devices of 4 ranks: webgpu, Große Karte (ranks 0, 2); " +
      "cpu, WebAssembly on 1 thread (rank 1); webgpu, Kleine (rank 3); " +
      "ranks 0, 2 seem to share one GPU",
  );
});

Deno.test("rank 0 says it, and a device that fails on one rank fails on all", async () => {
  const messages = await onRanks(2, async (ranks) => {
    const console = new MemoryTerminal(), { terminal } = console;
    const io = { terminal, now: () => 0, ranks };
    const choice = { deviceType: "cpu", threads: 1 } as const;
    const run = () => Promise.resolve();
    await withDevice(choice, io, run);
    assertEquals(console.lines.length, ranks.rank === 0 ? 1 : 0);
    const about = () => {
      if (ranks.rank === 1) throw new UserError("too small");
      return "";
    };
    const opening = () => withDevice(choice, io, run, about);
    return (await assertRejects(opening, UserError)).message;
  });
  assertEquals(messages, ["rank 1: too small", "too small"]);
});
