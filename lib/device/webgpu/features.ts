/**
 * What an adapter can do beyond WebGPU's own, and how its compiler wants to be told.
 *
 * @module
 */

/** A shape of subgroup matrices: an M×K times a K×N one, added to an M×N one. */
export interface SubgroupMatrixConfig {
  /** Type of the factors, such as `f16`. */
  readonly componentType: string;
  /** Type of the sums. */
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** What kernels may use. */
export interface GpuFeatures {
  /** Arithmetic in float16. */
  readonly float16: boolean;
  /** Operations of subgroups, of at least `min` and at most `max` threads; powers of two. */
  readonly subgroups?: { readonly min: number; readonly max: number };
  /** Products of matrices by subgroups. */
  readonly matrices: readonly SubgroupMatrixConfig[];
  /** Directives that this compiler wants before it takes what they name. */
  readonly enables: readonly Extension[];
}

/** Extensions of WGSL. */
type Extension = "f16" | "subgroups" | "chromium_experimental_subgroup_matrix";

/** Which of an adapter's features are used; all that there are, unless one is `false`. */
export interface FeatureChoice {
  /** Arithmetic in float16. */
  float16?: boolean;
  /** Operations of subgroups. */
  subgroups?: boolean;
  /** Products of matrices by subgroups. */
  matrices?: boolean;
}

/** What every adapter has. */
export const NO_FEATURES: GpuFeatures = { float16: false, matrices: [], enables: [] };

/** Sizes of subgroups where the adapter does not say them: all that WGSL allows. */
const ANY_SUBGROUPS = { subgroupMinSize: 4, subgroupMaxSize: 128 };

const MATRICES = "chromium-experimental-subgroup-matrix";

/** What shows that a kernel uses an extension. */
const SIGNS: Record<Extension, RegExp> = {
  f16: /\bf16\b|\bvec[234]h\b/,
  subgroups: /\bsubgroup[A-Z]\w*\(|\bsubgroup_(size|invocation_id|id)\b/,
  chromium_experimental_subgroup_matrix: /\bsubgroup_matrix_\w+/,
};

/** The directives that go before a kernel's code. */
export function directives({ enables }: GpuFeatures, code: string): string {
  const used = enables.filter((extension) => SIGNS[extension].test(code));
  return used.map((extension) => `enable ${extension};\n`).join("");
}

/**
 * The names of features to ask an adapter for, most wanted first. Deno's adapters have `subgroups`
 * without listing it, so that only asking tells.
 */
export function featureNames(
  adapter: GPUAdapter,
  { float16, subgroups, matrices }: FeatureChoice,
): string[][] {
  const listed = (name: string, wanted: boolean | undefined) =>
    wanted !== false && adapter.features.has(name as GPUFeatureName) ? [name] : [];
  const half = listed("shader-f16", float16);
  if (subgroups === false) return [half];
  return [[...half, ...listed(MATRICES, matrices), "subgroups"], half];
}

/** What a device that was opened with such features can do. */
export async function featuresOf(
  { info }: GPUAdapter,
  device: GPUDevice,
): Promise<GpuFeatures> {
  const has = (name: string) => device.features.has(name as GPUFeatureName);
  const { subgroupMinSize: min, subgroupMaxSize: max } = { ...ANY_SUBGROUPS, ...sizesOf(info) };
  const enables: Extension[] = [];
  if (has("shader-f16")) enables.push("f16");
  let subgroups = has("subgroups");
  // Deno's compiler takes them without a directive, and does not know the directive.
  if (subgroups && await compiles(device, "enable subgroups;\n")) enables.push("subgroups");
  else subgroups &&= await compiles(device, "");
  if (has(MATRICES)) enables.push("chromium_experimental_subgroup_matrix");
  const { subgroupMatrixConfigs } = info as {
    subgroupMatrixConfigs?: Iterable<SubgroupMatrixConfig>;
  };
  return {
    float16: has("shader-f16"),
    subgroups: subgroups ? { min, max } : undefined,
    matrices: has(MATRICES) ? [...subgroupMatrixConfigs ?? []] : [],
    enables,
  };
}

/** The sizes of subgroups that an adapter says. */
function sizesOf(info: GPUAdapterInfo): Partial<typeof ANY_SUBGROUPS> {
  const { subgroupMinSize, subgroupMaxSize } = info as Partial<typeof ANY_SUBGROUPS>;
  return subgroupMinSize && subgroupMaxSize ? { subgroupMinSize, subgroupMaxSize } : {};
}

/** The largest of an adapter's matrices whose factors are of a type, and whose sums of float32. */
export function largestMatrix(
  matrices: GpuFeatures["matrices"],
  factor: "f16" | "f32",
): SubgroupMatrixConfig | undefined {
  const [largest] = matrices
    .filter((each) => each.componentType === factor && each.resultComponentType === "f32")
    .sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  return largest;
}

/**
 * Whether subgroups can be told apart after a directive; some compilers learned that later than the
 * rest of them.
 */
async function compiles(device: GPUDevice, directive: string): Promise<boolean> {
  const main = "@compute @workgroup_size(1) fn main(@builtin(subgroup_id) subgroup: u32) {}";
  device.pushErrorScope("validation");
  device.createShaderModule({ code: directive + main });
  return await device.popErrorScope() === null;
}
