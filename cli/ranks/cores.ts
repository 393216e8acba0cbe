/** The processor's cores, divided among the ranks of a machine. */

import { MOST_THREADS } from "../../lib/device/mod.ts";
import type { Ranks } from "../../lib/ranks/mod.ts";

/** How many cores a system can name; each is a byte of what ranks tell each other. */
const MOST_CORES = 4096;

/**
 * The cores that a process may use.
 *
 * @param process Its number; this one's unless given.
 */
export function allowedCores(process: number | "self" = "self"): number[] {
  try {
    const status = Deno.readTextFileSync(`/proc/${process}/status`);
    return parseCores(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)![1]);
  } catch {
    // Other systems do not bind processes to cores.
    return Array.from({ length: navigator.hardwareConcurrency }, (_, core) => core);
  }
}

/** The cores of a list such as `0-3,8`. */
export function parseCores(list: string): number[] {
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/**
 * How many cores a rank has for itself, where it shares each with all that may use it.
 *
 * @param own The cores that it may use.
 * @param all Those of each rank of its machine, itself included.
 */
export function coreShare(own: readonly number[], all: readonly (readonly number[])[]): number {
  const users = (core: number) => all.filter((cores) => cores.includes(core)).length;
  const share = own.reduce((sum, core) => sum + 1 / users(core), 0);
  return Math.max(1, Math.floor(share + 1e-9)); // thirds do not add up to one
}

/**
 * How many threads a rank computes on: its share of the cores that the ranks of its machine may use.
 * All ranks call it.
 *
 * @param hosts The machine of each rank.
 */
export async function threadsOf(ranks: Ranks, hosts: readonly string[]): Promise<number> {
  const own = allowedCores().filter((core) => core < MOST_CORES);
  const mask = new Uint8Array(MOST_CORES);
  for (const core of own) mask[core] = 1;
  const masks = await ranks.gather(mask);
  const local = masks.filter((_, rank) => hosts[rank] === hosts[ranks.rank]);
  const share = coreShare(own, local.map((mask) => own.filter((core) => mask[core] === 1)));
  // A container may have the time of fewer cores than it may use.
  const threads = Math.floor(share * navigator.hardwareConcurrency / own.length);
  return Math.max(1, Math.min(threads, MOST_THREADS));
}
