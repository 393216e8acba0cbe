/**
 * How fast an adapter can multiply and add at most.
 *
 * @module
 */
import multiplyAdds from "../../../kernels/webgpu/multiply_adds.wgsl" with { type: "text" };
import type { PeakFlops } from "../device.ts";
import type { Gpu } from "./gpu.ts";

/** Independent numbers of a thread. */
const CHAINS = 10;
const THREADS = 64;

/** A measurement takes at least so long, in milliseconds, without what waiting for it takes. */
const LEAST_MS = 20;

/** It is repeated so often; the fastest counts. */
const RUNS = 2;

/**
 * Measures multiply-adds in registers, in float32 and, where a GPU has it, in float16.
 *
 * @param software Whether the adapter runs on the CPU, where less of a loop is best unrolled.
 * @param now A clock in milliseconds.
 */
export async function measurePeak(
  gpu: Gpu,
  software: boolean,
  now: () => number,
): Promise<PeakFlops> {
  const [STEPS, groups] = software ? [4, 256] : [16, 4096];
  const out = gpu.allocate("sums", [groups * THREADS], "float32");
  const rate = async (HALF: boolean): Promise<number> => {
    const kernel = gpu.kernel(multiplyAdds, { CHAINS, STEPS, HALF });
    const timed = async (rounds: number): Promise<number> => {
      const start = now();
      gpu.run(kernel, { out }, { rounds }, groups);
      gpu.submit();
      await gpu.answer(gpu.device.queue.onSubmittedWorkDone());
      return now() - start;
    };
    // The first run also waits for the compiler, and every one for the system to say that it ended.
    await timed(1);
    const waiting = await timed(1);
    let rounds = 1, best = await timed(rounds);
    while (best - waiting < LEAST_MS) best = await timed(rounds *= 2);
    for (let run = 1; run < RUNS; run++) best = Math.min(best, await timed(rounds));
    const operations = 2 * groups * THREADS * CHAINS * STEPS * rounds * (HALF ? 2 : 1);
    return operations / Math.max(best - waiting, LEAST_MS / 2) * 1000;
  };
  const float32 = await rate(false);
  // In software float16 is widened, so that it is not worth the time.
  const float16 = gpu.features.float16 && !software ? await rate(true) : float32;
  gpu.free(out);
  return { float32, float16 };
}
