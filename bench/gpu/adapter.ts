/** What an adapter says of itself, and what was found out about it. */
import { createWebGpuDevice, findAdapter } from "../../lib/device/webgpu/mod.ts";
import { openAdapter } from "../../lib/device/webgpu/adapter.ts";
import { webGpuOf, type WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import { UserError } from "../../lib/errors.ts";
import { openLaboratory } from "../kernels/laboratory.ts";
import type { Row } from "./part.ts";

/** Names, features and limits. */
export async function* adapterFacts(provider: WebGpuProvider): AsyncGenerator<Row> {
  const row = (fact: string, value: unknown): Row => ({ provider, fact, value: String(value) });
  const gpu = await webGpuOf(provider);
  const adapter = await findAdapter(gpu);
  if (!adapter) throw new UserError("no WebGPU adapter was found");
  const { vendor, architecture, device: id, description, isFallbackAdapter } = adapter.info;
  yield row("adapter", description || id || vendor);
  yield row("vendor, architecture, device", [vendor, architecture, id].join(", "));
  yield row("in software", isFallbackAdapter);
  yield row("Deno, system", `${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch}`);
  yield row("cores, MiB of memory", cores());
  yield row("lists", [...adapter.features].sort().join(" "));
  const { device, features } = await openAdapter({ gpu });
  const { float16, subgroups, matrices } = features;
  yield row("float16", float16);
  yield row("subgroups", subgroups ? `${subgroups.min} to ${subgroups.max}` : "none");
  const kinds = matrices.map(({ M, N, K, componentType, resultComponentType }) =>
    `${M}×${N}×${K} ${componentType}→${resultComponentType}`
  );
  yield row("subgroup matrices", kinds.join(" ") || "none");
  for (const name of LIMITS) yield row(name, device.limits[name]);
  device.destroy();
}

/** The limits that decide about kernels and models. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "minStorageBufferOffsetAlignment",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

function cores(): string {
  const { total } = Deno.systemMemoryInfo();
  return `${navigator.hardwareConcurrency}, ${Math.floor(total / 2 ** 20)}`;
}

/** What the adapter can do at most: by its own clock, and by the host's as the log compares with it. */
export async function* peaks(provider: WebGpuProvider): AsyncGenerator<Row> {
  const device = await createWebGpuDevice({ gpu: await webGpuOf(provider) });
  const { float32, float16 } = device.peakFlops!;
  yield { provider, of: "float32, host's clock", "TFLOP/s": float32 / 1e12 };
  yield { provider, of: "float16, host's clock", "TFLOP/s": float16 / 1e12 };
  await device.close();
  if (provider !== "deno") return;
  const shape = { C: 64, H: 1, D: 64, T: 64, V: 64 };
  const { peaks: { flops, halfFlops, bytes } } = await openLaboratory(shape, "softcap");
  yield { provider, of: "float32", "TFLOP/s": flops / 1e9 };
  if (halfFlops) yield { provider, of: "float16", "TFLOP/s": halfFlops / 1e9 };
  yield { provider, of: "copy", "GB/s": bytes / 1e6 };
}
