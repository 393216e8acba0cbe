/**
 * Which GPU each rank of a machine takes. WebGPU in Deno cannot be told which adapter to open, but the
 * drivers' loader shows only one where the environment names it.
 */

import { join } from "@std/path";

/** A graphics card on the PCI bus. */
export interface Gpu {
  /** Where it is, such as `0000:01:00.0`. */
  slot: string;
  /** Who made it, in hexadecimal, such as `10de`. */
  vendor: string;
  /** Which model it is, in hexadecimal. */
  device: string;
}

/** Classes of devices that compute: VGA and 3D controllers. */
const CLASSES = /^0x030[02]/;
/** NVIDIA, AMD and Intel, the likelier to be a card of its own first; not a server's console. */
const VENDORS = ["10de", "1002", "8086"];

/**
 * The GPUs that ranks share out, in the order of the bus: where a machine has several makers', those
 * of which it has the most, for the others are on the processor.
 *
 * @param folder Linux's list of the devices on the bus.
 */
export function listGpus(folder = "/sys/bus/pci/devices"): Gpu[] {
  let slots: string[];
  try {
    slots = Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } catch {
    return []; // another system, or one that hides it
  }
  const gpus = slots.flatMap((slot) => {
    try {
      const [kind, vendor, device] = ["class", "vendor", "device"]
        .map((name) => Deno.readTextFileSync(join(folder, slot, name)).trim());
      return CLASSES.test(kind) ? [{ slot, vendor: hex(vendor), device: hex(device) }] : [];
    } catch {
      return [];
    }
  });
  const byVendor = VENDORS.map((vendor) => gpus.filter((gpu) => gpu.vendor === vendor));
  return byVendor.reduce((most, gpus) => gpus.length > most.length ? gpus : most);
}

/** `10de` of `0x10de`. */
function hex(text: string): string {
  return text.replace("0x", "");
}

/**
 * The environment in which a rank sees its GPU alone: empty where there is nothing to choose.
 *
 * @param localRank Which of its machine's ranks it is, from 0; ranks go round where GPUs are fewer.
 */
export function gpuVariables(gpus: readonly Gpu[], localRank: number): Record<string, string> {
  if (gpus.length < 2) return {};
  const { slot, vendor, device } = gpus[localRank % gpus.length];
  const variables: Record<string, string> = {
    DRI_PRIME: `pci-${slot.replaceAll(/[:.]/g, "_")}!`,
  };
  // Older drivers know this one alone. It wins over the other, and means the first card of a model.
  const isOnly = gpus.filter((gpu) => gpu.vendor === vendor && gpu.device === device).length === 1;
  if (isOnly) variables.MESA_VK_DEVICE_SELECT = `${vendor}:${device}!`;
  return variables;
}

/** Lets this process see its GPU alone, unless the environment names one. */
export function takeGpu(localRank: number): void {
  const names = ["DRI_PRIME", "MESA_VK_DEVICE_SELECT"];
  if (names.some((name) => Deno.env.get(name))) return;
  for (const [name, value] of Object.entries(gpuVariables(listGpus(), localRank))) {
    Deno.env.set(name, value);
  }
}
