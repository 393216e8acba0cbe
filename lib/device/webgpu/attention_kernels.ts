/**
 * The kernels of attention over many queries, for GPUs and for adapters that run on the CPU.
 *
 * @module
 */
import backward from "../../../kernels/webgpu/attention_backward.wgsl" with { type: "text" };
import direct from "../../../kernels/webgpu/attention_direct.wgsl" with { type: "text" };
import directBackwardKeyMain from "../../../kernels/webgpu/attention_direct_backward_key.wgsl" with {
  type: "text",
};
import directBackwardQueryMain from "../../../kernels/webgpu/attention_direct_backward_query.wgsl" with {
  type: "text",
};
import directForwardMain from "../../../kernels/webgpu/attention_direct_forward.wgsl" with {
  type: "text",
};
import element from "../../../kernels/webgpu/element.wgsl" with { type: "text" };
import factors from "../../../kernels/webgpu/factors.wgsl" with { type: "text" };
import forward from "../../../kernels/webgpu/attention_forward.wgsl" with { type: "text" };
import halves from "../../../kernels/webgpu/halves.wgsl" with { type: "text" };
import common from "../../../kernels/webgpu/attention_common.wgsl" with { type: "text" };
import matrices from "../../../kernels/webgpu/attention_matrix.wgsl" with { type: "text" };
import tiles from "../../../kernels/webgpu/attention_tiles.wgsl" with { type: "text" };
import tilesBackwardKeyMain from "../../../kernels/webgpu/attention_tiles_backward_key.wgsl" with {
  type: "text",
};
import tilesBackwardQueryMain from "../../../kernels/webgpu/attention_tiles_backward_query.wgsl" with {
  type: "text",
};
import tilesForwardMain from "../../../kernels/webgpu/attention_tiles_forward.wgsl" with {
  type: "text",
};
import { PAGE_ROWS } from "../attention.ts";
import type { Tensor } from "../tensor.ts";
import { matrixTileFor } from "./attention_matrix.ts";
import { widthFor } from "./elementwise.ts";
import type { Gpu } from "./gpu.ts";
import type { Kernel } from "./kernel.ts";
import { storage } from "./storage.ts";

/**
 * How the kernels take their products: through tiles in workgroup memory, or directly from the
 * tensors, which suits adapters that run on the CPU.
 */
export type AttentionProducts = "tiles" | "direct";

/** A kernel whose workgroups take so many rows each, of queries, or of keys for their gradients. */
export interface RowsKernel {
  readonly kernel: Kernel;
  readonly rows: number;
}

/** Where the keys are that queries see: values of the kernels' template. */
export type SeenKeys = Readonly<{
  /** Whether they are in pages of caches. */
  CACHE: boolean;
  /** Whether none is seen before a start that each query has. */
  STARTS: boolean;
}>;

/** The kernels for queries such as `q` (B, T, H, D), with keys and values of its type. */
export interface AttentionKernels {
  forward(q: Tensor, seen: SeenKeys): RowsKernel;
  backwardQuery(q: Tensor, seen: SeenKeys): RowsKernel;
  backwardKey(q: Tensor, seen: SeenKeys): RowsKernel;
}

/** The kernels that take their products so. */
export function attentionKernels(gpu: Gpu, products: AttentionProducts): AttentionKernels {
  return products === "direct" ? directKernels(gpu) : tileKernels(gpu);
}

const DIRECT = halves + element + direct;
const DIRECT_FORWARD = DIRECT + forward + directForwardMain;
const DIRECT_BACKWARD_QUERY = DIRECT + backward + directBackwardQueryMain;
const DIRECT_BACKWARD_KEY = DIRECT + backward + directBackwardKeyMain;

function directKernels(gpu: Gpu): AttentionKernels {
  const { min, max } = gpu.features.subgroups ?? { min: 0, max: 1 };
  // A workgroup is one subgroup, whose size must be known.
  const SUBGROUPS = min === max;
  const LANES = SUBGROUPS ? min : 8;
  // Lavapipe has 8 threads or more. With as many scores a thread, SwiftShader's compiler, which has 4,
  // takes minutes and gigabytes.
  const [R, columns] = SUBGROUPS && LANES >= 8 ? [4, 32] : [2, 8];
  const kernel = (source: string, q: Tensor, seen: SeenKeys): RowsKernel => {
    const D = q.shape[3], WIDTH = widthFor(D);
    const tile = { R, C: columns / LANES, LANES, SUBGROUPS };
    const part = { ...storage("PART", q, WIDTH), D, WIDTH, PAGE_ROWS };
    return { kernel: gpu.kernel(source, { ...seen, ...tile, ...part }), rows: R * LANES };
  };
  return {
    forward: (q, seen) => kernel(DIRECT_FORWARD, q, seen),
    backwardQuery: (q, seen) => kernel(DIRECT_BACKWARD_QUERY, q, seen),
    backwardKey: (q, seen) => kernel(DIRECT_BACKWARD_KEY, q, seen),
  };
}

const TILES = halves + element + factors + common + tiles;
const MATRICES = halves + element + factors + common + matrices;

function tileKernels(gpu: Gpu): AttentionKernels {
  const { features, device: { limits } } = gpu;
  const memory = limits.maxComputeWorkgroupStorageSize;
  /** How tiles are dealt to threads without subgroup matrices. */
  const tileOf = (D: number, float16: boolean, tensors: number) => {
    /** Bytes of workgroup memory where rows have so many numbers there. */
    const bytes = (side: number, numbers: number) =>
      4 * side * ((2 * 4 * side + numbers) * (float16 ? 2 : 4) + 4 * side);
    const SIDE = float16 && bytes(16, 64) <= memory ? 16 : 8;
    const whole = 4 * SIDE * Math.ceil(D / (4 * SIDE));
    // Rows of two tensors do not stay.
    const STAGED = tensors === 1 && bytes(SIDE, whole) <= memory;
    return { FLOAT: float16 ? "f16" : "f32", HALF: float16, SIDE, STAGED, MATRICES: 0 };
  };
  const kernel = (main: string, tensors: number, q: Tensor, seen: SeenKeys): RowsKernel => {
    const D = q.shape[3], WIDTH = widthFor(D);
    const float16 = features.float16 && q.dtype === "float16";
    const matrixTile = matrixTileFor(features, limits, float16);
    const tile = matrixTile ?? tileOf(D, float16, tensors);
    const source = (matrixTile ? MATRICES : TILES) + main;
    const part = { ...storage("PART", q, WIDTH), D, WIDTH, PAGE_ROWS };
    return { kernel: gpu.kernel(source, { ...seen, ...tile, ...part }), rows: 4 * tile.SIDE };
  };
  return {
    forward: (q, seen) => kernel(forward + tilesForwardMain, 1, q, seen),
    backwardQuery: (q, seen) => kernel(backward + tilesBackwardQueryMain, 2, q, seen),
    backwardKey: (q, seen) => kernel(backward + tilesBackwardKeyMain, 2, q, seen),
  };
}
