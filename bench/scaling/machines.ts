/**
 * Machines that ranks run on. What was measured here is filled in by `measure.ts`; everything else
 * is an assumption, to be replaced by a measurement where there is such a machine.
 */

/** Memory that is copied or a network that is sent over. */
export interface Link {
  /** Bytes a second. */
  bandwidth: number;
  /** Seconds of a message. */
  latency: number;
}

/** A kind of rank, and how ranks reach each other. */
export interface Machine {
  name: string;
  /** Which of its figures are measured, and which assumed. */
  source: string;
  /** Floating-point operations a second of training, by one rank. */
  flops: number;
  /** Ranks on a host. */
  ranksPerHost: number;
  /** Bytes of a rank's device. */
  deviceMemory: number;
  /** Bytes of a host. */
  hostMemory: number;
  /** Between ranks of a host: a rank's own part of it. */
  local: Link;
  /** Between hosts: a host's part, which its ranks share. */
  network: Link;
  /** Numbers a second that a host copies, from and to a rank's device too. */
  copying: number;
  /** Whether the device computes while its host sends. */
  overlaps: boolean;
  /** How fast a rank's host works. */
  host: HostRates;
}

/** Numbers a second that a host works off on one core, in JavaScript. */
export interface HostRates {
  /** Added up, of all ranks. */
  adding: number;
  /** Rounded to bfloat16. */
  rounding: number;
  /** Widened to float32 again. */
  widening: number;
}

/** What is measured on the machine at hand. */
export interface Measured {
  /** Of a rank with all cores. */
  flops: number;
  threads: number;
  /** Between two ranks. */
  local: Link;
  copying: number;
  host: HostRates;
  memory: number;
}

const GIB = 2 ** 30;
/** 10 and 100 Gbit/s of Ethernet as TCP makes use of it: nine tenths, 50 and 30 µs. */
const ETHERNET_10: Link = { bandwidth: 0.9 * 10e9 / 8, latency: 50e-6 };
const ETHERNET_100: Link = { bandwidth: 0.9 * 100e9 / 8, latency: 30e-6 };

/** A server with eight GPUs of 80 GB, all of it assumed but for the host's rates. */
const SERVER = {
  // A fifth of the 67 TFLOP/s that an H100 makes in float32 without its tensor cores.
  flops: 13e12,
  ranksPerHost: 8,
  deviceMemory: 80 * GIB,
  hostMemory: 1024 * GIB,
  // Through a buffer that is mapped: 6 GB/s.
  copying: 1.5e9,
  overlaps: true,
};

/** The machines that are compared. */
export function machines(measured: Measured): Machine[] {
  const { flops, local, copying, host, memory, threads } = measured;
  const cpu = {
    flops,
    ranksPerHost: 1,
    deviceMemory: Math.min(16 * GIB, memory),
    hostMemory: memory,
    local,
    copying,
    // Its threads compute on all cores.
    overlaps: false,
    host,
  };
  const source = "all assumed but the host's rates and its memory";
  return [
    {
      ...cpu,
      name: `machines like this one, ${threads} threads a rank`,
      source: "all measured; linked as two ranks here are, by memory",
      network: local,
    },
    {
      ...SERVER,
      name: "GPU servers, 100 Gbit Ethernet",
      source,
      local,
      host,
      network: ETHERNET_100,
    },
    {
      ...SERVER,
      name: "GPU servers, 10 Gbit Ethernet",
      source,
      local,
      host,
      network: ETHERNET_10,
    },
  ];
}
