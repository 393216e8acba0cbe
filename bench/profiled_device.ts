/** A device that adds up how long each operation takes; for devices that run when called. */
import type { Device, MatmulArgs } from "../lib/device/mod.ts";

/** Milliseconds by operation; products are split by layout and batch. */
export type Shares = Map<string, number>;

/** The same device with a stopwatch around each operation. */
export function profiled(device: Device): { device: Device; shares: Shares } {
  const shares: Shares = new Map();
  const notOperations = new Set(["view", "allocate", "free", "write", "stage", "read", "submit"]);
  const isBatch = ({ out, b }: MatmulArgs) => out.shape.length === 3 && b.shape.length === 3;
  const label = (name: string, args: MatmulArgs) =>
    name === "matmul" ? `matmul ${args.layout}${isBatch(args) ? " batched" : ""}` : name;
  const proxy = new Proxy(device, {
    get(target, name: keyof Device & string) {
      const value = target[name];
      if (typeof value !== "function") return value;
      const method = (value as (...args: unknown[]) => unknown).bind(target);
      if (notOperations.has(name)) return method;
      return (args: MatmulArgs) => {
        const start = performance.now();
        const result = method(args);
        const key = args ? label(name, args) : name;
        shares.set(key, (shares.get(key) ?? 0) + performance.now() - start);
        return result;
      };
    },
  });
  return { device: proxy, shares };
}

/** The shares as lines, largest first. */
export function describeShares(shares: Shares): string[] {
  const total = [...shares.values()].reduce((sum, ms) => sum + ms, 0);
  return [...shares].sort(([, a], [, b]) => b - a).map(([name, ms]) =>
    `${name.padEnd(28)} ${(100 * ms / total).toFixed(1).padStart(5)}%  ${ms.toFixed(0)} ms`
  );
}
