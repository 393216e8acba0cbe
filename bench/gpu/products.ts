/** Large products and attention, which all of training comes down to. */
import type { Device, MatmulArgs } from "../../lib/device/mod.ts";
import { createWebGpuDevice } from "../../lib/device/webgpu/mod.ts";
import { webGpuOf, type WebGpuProvider } from "../../lib/device/webgpu/provider.ts";
import { millisecondsOf } from "./stopwatch.ts";
import type { Row, Settings } from "./part.ts";

/** Sides of the product's matrices. */
const sideOf = ({ short }: Settings) => short ? 256 : 4096;

/** Numbers in ±0.5, the same ones again and again. */
const NUMBERS = Float32Array.from({ length: 2 ** 20 }, () => Math.random() - 0.5);

/** Fills tensors, whatever their type. */
function filled(
  device: Device,
  shape: readonly number[],
  dtype: "float32" | "float16" | "bfloat16",
) {
  const tensor = device.allocate("numbers", shape, dtype);
  for (let start = 0; start < tensor.size; start += NUMBERS.length) {
    device.write(tensor, NUMBERS.subarray(0, tensor.size - start), start);
  }
  return tensor;
}

/** The product in this project: float32, and with operands in 16 bits. */
export async function* products(
  provider: WebGpuProvider,
  settings: Settings,
): AsyncGenerator<Row> {
  const device = await createWebGpuDevice({ gpu: await webGpuOf(provider) });
  const side = sideOf(settings), flops = 2 * side ** 3;
  const out = device.allocate("out", [side, side]);
  const wait = () => device.synchronize();
  for (const dtype of ["float32", "bfloat16", "float16"] as const) {
    const [a, b] = [1, 2].map(() => filled(device, [side, side], dtype));
    const operands = dtype === "float16" ? dtype : "float32";
    const args: MatmulArgs = { out, a, b, layout: "nt", operands };
    const ms = await millisecondsOf(() => device.matmul(args), wait, settings);
    yield { of: "product", side, by: provider, dtype, ms, "TFLOP/s": flops / ms / 1e9 };
    for (const tensor of [a, b]) device.free(tensor);
  }
  await device.close();
}

/** Attention of d12 with a window as long as its rows, forward and backward. */
export async function* attention(
  provider: WebGpuProvider,
  settings: Settings,
): AsyncGenerator<Row> {
  const device = await createWebGpuDevice({ gpu: await webGpuOf(provider) });
  const [B, T, H, D] = settings.short ? [1, 64, 2, 32] : [16, 2048, 6, 128];
  const flops = 4 * D * H * B * T * (T + 1) / 2, window = T;
  const [dout, dq, dk, dv] = Array.from(
    { length: 4 },
    () => filled(device, [B, T, H, D], "float32"),
  );
  const [lse, delta] = [1, 2].map(() => device.allocate("of a row", [B, H, T]));
  const wait = () => device.synchronize();
  for (const dtype of ["float32", "bfloat16", "float16"] as const) {
    const [out, q, k, v] = Array.from({ length: 4 }, () => filled(device, [B, T, H, D], dtype));
    const forward = () => device.attention({ out, lse, q, k, v, window });
    const args = { dq, dk, dv, delta, dout, out, lse, q, k, v, window };
    const row = { by: provider, dtype };
    const ms = await millisecondsOf(forward, wait, settings);
    yield { of: "attention", ...row, ms, "TFLOP/s": flops / ms / 1e9 };
    const back = await millisecondsOf(() => device.attentionBackward(args), wait, settings);
    yield { of: "attention, backward", ...row, ms: back, "TFLOP/s": 2.5 * flops / back / 1e9 };
    for (const tensor of [out, q, k, v]) device.free(tensor);
  }
  await device.close();
}

/** The product by jax-js on the same WebGPU. */
export async function* jaxProduct(settings: Settings): AsyncGenerator<Row> {
  const { defaultDevice, init, numpy: np } = await import("@jax-js/jax");
  await init("webgpu");
  defaultDevice("webgpu");
  const side = sideOf(settings);
  const matrix = (scale: number) => {
    const numbers = (_: unknown, i: number) => scale * NUMBERS[i % NUMBERS.length];
    return np.array(Float32Array.from({ length: side * side }, numbers), { shape: [side, side] });
  };
  // What nobody waits for is not computed, so that each product takes the one before. Numbers stay
  // as large as they are.
  const b = matrix(Math.sqrt(12 / side));
  let last = matrix(1);
  const ms = await millisecondsOf(
    () => last = np.matmul(last, b.ref),
    () => last.blockUntilReady(),
    settings,
  );
  const flops = 2 * side ** 3;
  yield { of: "product", side, by: "jax-js", dtype: "float32", ms, "TFLOP/s": flops / ms / 1e9 };
}
