/**
 * Opening a device for a command, and closing it again.
 *
 * @module
 */
import { type DeviceChoice, type Hardware, openDevice } from "../device/mod.ts";
import type { RunIo } from "./io.ts";

/**
 * Opens a device, says which and why, runs something with it, and closes it.
 *
 * @param about What else there is to say of it in that line.
 * @throws {UserError} when it cannot be opened.
 */
export async function withDevice<T>(
  { deviceType, threads, blas }: DeviceChoice,
  { terminal, now }: Pick<RunIo, "terminal" | "now">,
  run: (device: Hardware) => Promise<T>,
  about: (device: Hardware) => Promise<string> | string = () => "",
): Promise<T> {
  const { device, reason } = await openDevice({ deviceType, threads, blas, now });
  try {
    terminal.info(`Device: ${device.kind}, ${device.name} (${reason})${await about(device)}`);
    return await run(device);
  } finally {
    await device.close();
  }
}
