/**
 * How fast an adapter can multiply and add at most.
 *
 * @module
 */
import matrixMultiplyAdds from "../../../kernels/webgpu/matrix_multiply_adds.wgsl" with {
  type: "text",
};
import multiplyAdds from "../../../kernels/webgpu/multiply_adds.wgsl" with { type: "text" };
import type { PeakFlops } from "../device.ts";
import type { SubgroupMatrixConfig } from "./features.ts";
import type { Gpu } from "./gpu.ts";
import type { Kernel } from "./kernel.ts";

/** Independent numbers of a thread, and independent matrices of a subgroup. */
const CHAINS = 10, SUMS = 8;
const THREADS = 64;
/** Subgroups of a workgroup. */
const SUBGROUPS = 4;

/** A measurement takes at least so long, in milliseconds, without what waiting for it takes. */
const LEAST_MS = 20;

/** It is repeated so often; the fastest counts. */
const RUNS = 2;

/**
 * Measures multiply-adds in registers, in float32 and, where a GPU has it, in float16, and those of
 * subgroup matrices with sums in float32: the fastest of each type of factors.
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
  const { float16, matrices, subgroups } = gpu.features;
  const out = gpu.allocate("sums", [groups * THREADS], "float32");
  const inRegisters = (HALF: boolean) => {
    const kernel = gpu.kernel(multiplyAdds, { CHAINS, STEPS, HALF });
    return rateOf(kernel, groups * THREADS * CHAINS * STEPS * (HALF ? 2 : 1));
  };
  const ofMatrices = async (componentType: string) => {
    const kinds = subgroups ? matrices.filter(isMeasured(componentType)) : [];
    let best = 0;
    for (const { M: TM, N: TN, K: TK } of kinds) {
      const threads = SUBGROUPS * subgroups!.max;
      const values = { FACTOR: componentType, TM, TN, TK, SUMS, SUBGROUPS, THREADS: threads };
      const each = groups * SUBGROUPS * SUMS * TM * TN * TK;
      best = Math.max(best, await rateOf(gpu.kernel(matrixMultiplyAdds, values), each));
    }
    return best;
  };
  const rateOf = async (kernel: Kernel, multiplyAdds: number): Promise<number> => {
    const timed = async (rounds: number): Promise<number> => {
      const start = now();
      gpu.run(kernel, { out }, { rounds }, groups);
      gpu.submit();
      await gpu.answer(gpu.device.queue.onSubmittedWorkDone());
      return now() - start;
    };
    // The first run also waits for the compiler, and every one for the system to say that it ended.
    await timed(1);
    const waiting = Math.min(await timed(1), await timed(1));
    let rounds = 1, best = await timed(rounds);
    while (best - waiting < LEAST_MS) best = await timed(rounds *= 2);
    for (let run = 1; run < RUNS; run++) best = Math.min(best, await timed(rounds));
    return 2 * multiplyAdds * rounds / Math.max(best - waiting, LEAST_MS / 2) * 1000;
  };
  const float32 = Math.max(await inRegisters(false), await ofMatrices("f32"));
  // In software float16 is widened, so that it is not worth the time.
  const half = float16 && !software ? await inRegisters(true) : 0;
  const peak = { float32, float16: Math.max(float32, half, await ofMatrices("f16")) };
  gpu.free(out);
  return peak;
}

/** Of matrices with factors of a type, those that products may use. */
function isMeasured(componentType: string): (config: SubgroupMatrixConfig) => boolean {
  return (config) => config.componentType === componentType && config.resultComponentType === "f32";
}
