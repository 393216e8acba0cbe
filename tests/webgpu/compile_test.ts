/**
 * Whether every kernel that an operation can ask for obeys WGSL's rules, as Dawn (Chrome's WebGPU)
 * sees them; no GPU is needed for that.
 */
import { assert, assertEquals } from "@std/assert";
import type { Operations } from "../../lib/device/mod.ts";
import { type OpenAdapter, openAdapter } from "../../lib/device/webgpu/adapter.ts";
import type { AttentionProducts } from "../../lib/device/webgpu/attention_kernels.ts";
import { operationsOn } from "../../lib/device/webgpu/device.ts";
import { Gpu } from "../../lib/device/webgpu/gpu.ts";
import type { Kernel } from "../../lib/device/webgpu/kernel.ts";
import { type Dealer, MATMUL_TILES, type MatmulTile } from "../../lib/device/webgpu/matmul_tile.ts";
import { measurePeak } from "../../lib/device/webgpu/peak.ts";
import { expandTemplate, type TemplateValues } from "../../lib/device/webgpu/template.ts";
import { Transfers } from "../../lib/device/webgpu/transfers.ts";
import { allocateArgs, callOperation } from "../device/check_operation.ts";
import { dawnIfThere } from "./dawn.ts";
import { operationVariants } from "./operation_variants.ts";

const folder = new URL("../../kernels/webgpu/", import.meta.url);

/** The text of each file of kernels. */
const texts = new Map<string, string>();
for await (const { name } of Deno.readDir(folder)) {
  texts.set(name, await Deno.readTextFile(new URL(name, folder)));
}

/** Each line of a file, and what a kernel shows of it if it is there; see {@link withPlaces}. */
function linesOf(name: string, text: string) {
  return text.split("\n").map((line, i) => {
    const place = `${name}:${i + 1}`;
    const condition = /^\s*\/\/# if (.*)/.exec(line)?.[1];
    const silent = line.trim() === "" || line.includes("//#");
    const places = condition ? [`${place} is 0`, `${place} is 1`] : silent ? [] : [place];
    return { line, place, condition, places };
  });
}

/**
 * A kernel whose lines end in where they stand in the files it is made of, and which says before
 * each condition what it comes to.
 */
function withPlaces(source: string): string {
  const output: string[] = [];
  for (let rest = source; rest !== "";) {
    const file = texts.entries().find(([, text]) => rest.startsWith(text));
    assert(file, `a kernel holds a text that is no file: ${rest}`);
    for (const { line, place, condition, places } of linesOf(...file)) {
      if (condition) output.push(`// ${place} is $[!!(${condition})]`, line);
      else output.push(places.length === 0 ? line : `${line} // ${place}`);
    }
    rest = rest.slice(file[1].length);
  }
  return output.join("\n");
}

/** Storage buffers that every adapter lets a kernel have; the one of nothing lets it have more. */
const MOST_BUFFERS = 8;

/** Compiles the kernels that operations ask for, and runs none. */
class Compiler extends Gpu {
  readonly #kernels = new Map<string, Kernel>();
  /** For each kernel, what the compiler found wrong. */
  readonly errors: Promise<GPUError | null>[] = [];
  /** The places that are in some kernel. */
  readonly places = new Set<string>();

  override kernel(source: string, values: TemplateValues = {}): Kernel {
    const key = source + JSON.stringify(values);
    let kernel = this.#kernels.get(key);
    if (!kernel) {
      const marked = withPlaces(source);
      const SUBGROUPS = this.features.subgroups !== undefined;
      const code = expandTemplate(marked, { SUBGROUPS, ...values });
      for (const [, place] of code.matchAll(/\/\/ (\S+\.wgsl:\d+(?: is \d)?)$/gm)) {
        this.places.add(place);
      }
      this.device.pushErrorScope("validation");
      this.#kernels.set(key, kernel = super.kernel(marked, values));
      this.errors.push(this.device.popErrorScope());
      assert(kernel.bindings.length <= MOST_BUFFERS, `${kernel.bindings.length} of ${code}`);
    }
    return kernel;
  }

  override run(): void {}
}

/** Calls of operations with every choice there is. */
function callsOn(
  compiler: Compiler,
  variants: Partial<ReturnType<typeof operationVariants>> = operationVariants(),
): ((operations: Operations) => void)[] {
  const memory = new Transfers(compiler);
  const device = { allocate: compiler.allocate.bind(compiler), write: memory.write.bind(memory) };
  return Object.entries(variants).flatMap(([name, variants]) =>
    variants.map((variant) => {
      const { args } = allocateArgs(device, variant);
      return (operations: Operations) => callOperation(operations, name as keyof Operations, args);
    })
  );
}

/** Deals every product so, with K cut where it can be. */
function dealOf(tile: MatmulTile, splits: number): Dealer {
  return (_, mostSplits) => ({ tile, splits: Math.min(splits, mostSplits) });
}

const ATTENTION_PRODUCTS = Object.keys(
  { tiles: true, direct: true } satisfies Record<AttentionProducts, true>,
) as AttentionProducts[];

/** Calls every operation with every choice there is, and every one of these tiles. */
function compileAll(compiler: Compiler, tiles = MATMUL_TILES): void {
  const calls = callsOn(compiler);
  for (const product of ATTENTION_PRODUCTS) {
    tiles.forEach((tile, i) => {
      const operations = operationsOn(compiler, product, dealOf(tile, 1 + i % 2));
      for (const call of calls) call(operations);
    });
  }
}

/** Shapes of subgroup matrices: NVIDIA's, Apple's, and some that are not as high as wide. */
const MATRICES = [["f16", 16, 16, 16], ["f32", 8, 8, 8], ["f16", 8, 16, 32], [
  "f16",
  16,
  8,
  8,
]] as const;

/** Said after compiling: the adapter of nothing has subgroups of 128 threads, and no others. */
const SUBGROUPS_OF_NOTHING = /must be a multiple of the device maxSubgroupSize \(128\)/;

/** What compiles all products by subgroup matrices of a shape, on subgroups of 32 threads. */
function matrixCompiler(
  { device, features }: OpenAdapter,
  [componentType, M, N, K]: typeof MATRICES[number],
): Compiler {
  const matrices = [{ componentType, resultComponentType: "f32", M, N, K }];
  const subgroups = { min: 32, max: 32 };
  const compiler = new Compiler(device, Infinity, Infinity, { ...features, subgroups, matrices });
  const { matmul, matmulGroup, attention, attentionBackward, attentionWithCache } =
    operationVariants();
  const products = matmul.filter(({ out }) => out.shape[0] > 8);
  const variants = {
    matmul: products.map((args) => ({ ...args, operands: "float16" as const })),
    matmulGroup,
    attention,
    attentionBackward,
    attentionWithCache,
  };
  const calls = callsOn(compiler, variants);
  for (const product of ATTENTION_PRODUCTS) {
    const operations = operationsOn(compiler, product, dealOf(MATMUL_TILES[0], 1));
    for (const call of calls) call(operations);
  }
  return compiler;
}

/** What compiles attention for adapters that run on the CPU, whose subgroups have a known size. */
function subgroupCompiler({ device, features }: OpenAdapter): Compiler {
  const subgroups = { min: 8, max: 8 };
  const compiler = new Compiler(device, Infinity, Infinity, { ...features, subgroups });
  const { attention, attentionBackward, attentionWithCache } = operationVariants();
  const variants = { attention, attentionBackward, attentionWithCache };
  const operations = operationsOn(compiler, "direct", dealOf(MATMUL_TILES[0], 1));
  for (const call of callsOn(compiler, variants)) call(operations);
  return compiler;
}

const gpu = await dawnIfThere(["backend=null"]);

Deno.test("every variant of every kernel is WGSL", { ignore: !gpu }, async () => {
  const places = new Set<string>();
  // Each look at it is later by more, so that everything seems to take long enough.
  let clock = 1;
  for (const subgroups of [true, false]) {
    const opened = await openAdapter({ gpu, features: { subgroups } });
    const { device, features } = opened;
    assertEquals(features.subgroups !== undefined, subgroups);
    const compiler = new Compiler(device, Infinity, Infinity, features);
    // Products by tiles use no subgroups.
    compileAll(compiler, subgroups ? MATMUL_TILES : MATMUL_TILES.slice(0, 1));
    const compilers = [compiler];
    if (subgroups) {
      compilers.push(subgroupCompiler(opened));
      compilers.push(...MATRICES.map((shape) => matrixCompiler(opened, shape)));
    }
    for (const each of compilers) await measurePeak(each, false, () => clock *= 2);
    const all = await Promise.all(compilers.flatMap(({ errors }) => errors));
    const errors = all.flatMap((error) => error?.message ?? [])
      .filter((message) => !SUBGROUPS_OF_NOTHING.test(message));
    assert(
      errors.length === 0,
      `${errors.length} of ${all.length} kernels are not WGSL: ${errors[0]}`,
    );
    for (const { places: some } of compilers) some.forEach((place) => places.add(place));
    device.destroy();
  }

  // What no kernel holds, no compiler has seen.
  const unseen = [...texts].flatMap(([name, text]) => linesOf(name, text))
    .flatMap(({ places }) => places).filter((place) => !places.has(place));
  assertEquals(unseen, []);
});
