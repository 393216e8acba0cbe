/**
 * Opening a device for a command, and closing it again.
 *
 * @module
 */
import { type DeviceChoice, type Hardware, openDevice } from "../device/mod.ts";
import { together } from "../ranks/mod.ts";
import { adapterMemory } from "./adapter_memory.ts";
import type { RunIo } from "./io.ts";
import { nameDevices } from "./name_devices.ts";

/** What of the world a device is opened with. */
export type DeviceIo =
  & Pick<RunIo, "terminal" | "now">
  & Partial<Pick<RunIo, "signal" | "stop" | "ranks" | "env" | "baseDir">>;

/**
 * Opens a device, says which and why, runs something with it, and closes it. Several ranks open one
 * each, and their host's memory is divided among them; rank 0 names those of all. What is measured of
 * a graphics card is remembered in the base directory, if there is one.
 *
 * @param about What else there is to say of it in that line.
 * @throws {UserError} when it cannot be opened.
 */
export async function withDevice<T>(
  { deviceType, webgpu, threads, blas, retune }: DeviceChoice,
  io: DeviceIo,
  run: (device: Hardware) => Promise<T>,
  about: (device: Hardware) => Promise<string> | string = () => "",
): Promise<T> {
  const { terminal, now, ranks, baseDir } = io, processes = ranks?.localSize;
  const measurements = baseDir === undefined ? undefined : adapterMemory(baseDir);
  const choice = { deviceType, webgpu, threads, blas, retune, processes, measurements, now };
  let opened: Hardware | undefined;
  try {
    const { device, reason } = await together(io, async () => {
      const found = await openDevice(choice);
      opened = found.device;
      return found;
    });
    const line = await nameDevices(device, reason, io);
    const more = await together(io, () => about(device));
    if (!ranks?.rank) terminal.info(line + more);
    return await run(device);
  } finally {
    await opened?.close();
  }
}
