/**
 * The 1024³ product in float32 beside others on the same machine, in one run: NumPy with its
 * OpenBLAS (if `python3` has NumPy), jax-js on WebAssembly, and an installed BLAS through this
 * package.
 *
 *     deno run -A bench/compare/matmul.ts [THREADS]
 *
 * They take turns for about a minute, and the best of each is compared: other programs only ever
 * make one slower.
 */
import { defaultDevice, init, numpy as np } from "@jax-js/jax";
import { createCpuDevice } from "../../lib/device/cpu/mod.ts";
import { Python } from "./python.ts";

const SIZE = 1024, ROUNDS = 80, REPEATS = 8;
const threads = Number(Deno.args[0] ?? navigator.hardwareConcurrency);

/** Does the product a number of times and returns the shortest in milliseconds. */
type Contender = (repeats: number) => Promise<number>;

const NUMPY = `
import sys, time, numpy as np
a = np.random.rand(${SIZE}, ${SIZE}).astype(np.float32)
b = np.random.rand(${SIZE}, ${SIZE}).astype(np.float32)
for line in sys.stdin:
    best = float("inf")
    for _ in range(int(line)):
        start = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - start)
    print(best * 1000, flush=True)
`;

async function ownContender(blas: string): Promise<{ name: string; run: Contender }> {
  const device = await createCpuDevice({ threads, blas });
  const [out, a, b] = ["out", "a", "b"].map((name) => device.allocate(name, [SIZE, SIZE]));
  for (const x of [a, b]) device.write(x, Float32Array.from({ length: x.size }, Math.random));
  const run = (repeats: number) => {
    let best = Infinity;
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      device.matmul({ out, a, b, layout: "nn" });
      best = Math.min(best, performance.now() - start);
    }
    return Promise.resolve(best);
  };
  return { name: device.name, run };
}

async function jaxContender(): Promise<Contender> {
  await init("wasm");
  defaultDevice("wasm");
  const random = () =>
    np.array(Float32Array.from({ length: SIZE * SIZE }, Math.random), { shape: [SIZE, SIZE] });
  const [a, b] = [random(), random()];
  return async (repeats) => {
    let best = Infinity;
    for (let i = 0; i < repeats; i++) {
      const start = performance.now();
      const product = np.matmul(a.ref, b.ref);
      await product.blockUntilReady();
      best = Math.min(best, performance.now() - start);
      product.dispose();
    }
    return best;
  };
}

/** NumPy, or nothing where there is no Python. */
function numpyContender(): { run: Contender; close: () => void } | undefined {
  try {
    const python = new Python(["-c", NUMPY], { openMp: threads, blas: threads }, "null");
    const run = async (repeats: number) => Number((await python.ask(`${repeats}`)) ?? NaN);
    return { run, close: () => python.close() };
  } catch {
    return undefined;
  }
}

const own = await ownContender("off"), withBlas = await ownContender("auto");
const numpy = numpyContender();
const contenders: [string, Contender][] = [[own.name, own.run], [
  "jax-js, wasm",
  await jaxContender(),
]];
if (withBlas.name !== own.name) contenders.push([withBlas.name, withBlas.run]);
if (numpy) contenders.push(["NumPy", numpy.run]);

console.log(`${ROUNDS * REPEATS} products each, in turn; this takes about a minute`);
const best = contenders.map(() => Infinity);
for (let round = 0; round < ROUNDS; round++) {
  for (const [i, [, run]] of contenders.entries()) {
    try {
      best[i] = Math.min(best[i], await run(REPEATS));
    } catch {
      best[i] = NaN;
    }
  }
}
contenders.forEach(([name], i) => {
  const speed = 2 * SIZE ** 3 / best[i] / 1e6;
  const ratio = best[i] / best[0];
  console.log(
    Number.isNaN(speed)
      ? `${name}: not available`
      : `${speed.toFixed(1).padStart(6)} GFLOP/s  ${name}` +
        (i === 0 ? "" : ` (WebAssembly here is ${ratio.toFixed(2)} times as fast)`),
  );
});
numpy?.close();
Deno.exit(0);
