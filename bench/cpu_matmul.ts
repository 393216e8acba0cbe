/**
 * Speed of the CPU device's products in the shapes of training and decoding a d4, in GFLOP/s.
 *
 *     deno run -A bench/cpu_matmul.ts [THREADS] [BLAS]
 *
 * Each shape has operands enough to not stay in the caches. The best of seven passes is printed:
 * other programs only ever make it slower.
 */
import { createCpuDevice } from "../lib/device/cpu/mod.ts";
import type { MatmulLayout } from "../lib/device/mod.ts";

/** Matrices, rows, columns, inner length, layout. */
const SHAPES: [number, number, number, number, MatmulLayout][] = [
  [1, 1024, 1024, 1024, "nn"],
  [1, 1024, 1024, 1024, "nt"],
  [1, 1024, 1024, 1024, "tn"],
  [1, 8192, 256, 256, "nt"],
  [1, 8192, 1024, 256, "nt"],
  [1, 8192, 256, 1024, "nn"],
  [1, 256, 256, 8192, "tn"],
  [1, 256, 1024, 8192, "tn"],
  [1, 4096, 4096, 256, "nt"],
  [16, 256, 256, 256, "nn"],
  [1, 1, 1024, 256, "nt"],
  [1, 8, 1024, 256, "nt"],
  [1, 1, 4096, 256, "nt"],
];
const CACHE_BYTES = 80e6;

const [threads, blas] = Deno.args;
const device = await createCpuDevice({ threads: threads ? Number(threads) : undefined, blas });
console.log(device.name);
for (const [batch, M, N, K, layout] of SHAPES) {
  const bytes = 4 * batch * (M * K + K * N + M * N);
  const tensor = (rows: number, columns: number) => {
    const x = device.allocate("operand", batch === 1 ? [rows, columns] : [batch, rows, columns]);
    device.write(x, new Float32Array(x.size).fill(0.5));
    return x;
  };
  const products = Array.from({ length: Math.ceil(CACHE_BYTES / bytes) }, () => ({
    out: tensor(M, N),
    a: layout === "tn" ? tensor(K, M) : tensor(M, K),
    b: layout === "nt" ? tensor(N, K) : tensor(K, N),
    layout,
  }));
  let best = Infinity;
  for (let pass = 0; pass < 8; pass++) {
    const start = performance.now();
    products.forEach((product) => device.matmul(product));
    if (pass > 0) best = Math.min(best, performance.now() - start);
  }
  const flops = 2 * batch * M * N * K * products.length;
  const label = `${batch === 1 ? "" : `${batch} × `}${M}×${N}×${K} ${layout}`;
  console.log(`${label.padEnd(20)} ${(flops / best / 1e6).toFixed(1).padStart(6)} GFLOP/s`);
  products.flatMap(({ out, a, b }) => [out, a, b]).forEach((x) => device.free(x));
}
await device.close();
