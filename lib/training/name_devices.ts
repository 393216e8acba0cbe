/**
 * What ranks compute on, in a line.
 *
 * @module
 */
import { hostname } from "node:os";
import type { Device } from "../device/mod.ts";
import { gatherTexts, SINGLE } from "../ranks/mod.ts";
import type { RunIo } from "./io.ts";

/** What makes drivers give a process another GPU than the first. */
const CHOOSING = ["DRI_PRIME", "MESA_VK_DEVICE_SELECT", "CUDA_VISIBLE_DEVICES"];

/** What a rank computes on. */
interface RankDevice {
  /** Its kind and name, for a person. */
  device: string;
  host: string;
  /** Which GPU of that host; undefined of a CPU. */
  gpu: string | undefined;
}

/**
 * Says which device it is and why, and of several ranks the devices of all: each with the ranks that
 * have it, and which of them seem to share a GPU, which is allowed. WebGPU does not tell equal GPUs
 * apart; ranks of one host that ask for theirs in the same way are taken to have the same.
 *
 * @param reason Why this rank has this one.
 */
export async function nameDevices(
  { kind, name }: Device,
  reason: string,
  io: Partial<Pick<RunIo, "ranks" | "env">>,
): Promise<string> {
  const { ranks = SINGLE } = io;
  const device = `${kind}, ${name}`;
  if (ranks.worldSize === 1) return `Device: ${device} (${reason})`;
  const gpu = kind === "webgpu" ? CHOOSING.map((name) => io.env?.(name)).join() : undefined;
  const own: RankDevice = { device, host: hostname(), gpu };
  const all = (await gatherTexts(ranks, JSON.stringify(own)))
    .map((text): RankDevice => JSON.parse(text));
  const hosts = new Set(all.map(({ host }) => host)).size;
  const where = `${all.length} ranks${hosts > 1 ? ` on ${hosts} hosts` : ""}`;
  const devices = ranksBy(all, ({ device }) => device);
  const shared = ranksBy(all, ({ device, host, gpu }) => gpu && JSON.stringify([device, host, gpu]))
    .filter(([, ranks]) => ranks.length > 1)
    .map(([, ranks]) => `; ${spans(ranks)} seem to share one GPU`).join("");
  if (devices.length === 1) return `Device: ${device} (${reason}), on each of ${where}${shared}`;
  const each = devices.map(([device, ranks]) => `${device} (${spans(ranks)})`).join("; ");
  return `Devices of ${where}: ${each}${shared}`;
}

/** Ranks by something of their devices, in the order in which it comes first. */
function ranksBy(
  devices: readonly RankDevice[],
  keyOf: (device: RankDevice) => string | undefined,
): [key: string, ranks: number[]][] {
  const ranks = new Map<string, number[]>();
  for (const [rank, device] of devices.entries()) {
    const key = keyOf(device);
    if (key !== undefined) ranks.set(key, [...ranks.get(key) ?? [], rank]);
  }
  return [...ranks];
}

/** `rank 3`, or `ranks 0-3, 7`. */
function spans(ranks: readonly number[]): string {
  const starts = ranks.filter((rank, i) => rank !== ranks[i - 1] + 1);
  const ends = ranks.filter((rank, i) => rank !== ranks[i + 1] - 1);
  const words = starts.map((start, i) => start === ends[i] ? `${start}` : `${start}-${ends[i]}`);
  return `rank${ranks.length > 1 ? "s" : ""} ${words.join(", ")}`;
}
