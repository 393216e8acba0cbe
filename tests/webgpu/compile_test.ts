/**
 * Whether every kernel that an operation can ask for obeys WGSL's rules, as Dawn (Chrome's WebGPU)
 * sees them; no GPU is needed for that.
 */
import { assert, assertEquals } from "@std/assert";
import type { Operations } from "../../lib/device/mod.ts";
import { openAdapter } from "../../lib/device/webgpu/adapter.ts";
import type { AttentionProducts } from "../../lib/device/webgpu/attention_kernels.ts";
import { operationsOn } from "../../lib/device/webgpu/device.ts";
import { Gpu } from "../../lib/device/webgpu/gpu.ts";
import type { Kernel } from "../../lib/device/webgpu/kernel.ts";
import { MATMUL_TILES } from "../../lib/device/webgpu/matmul_tile.ts";
import { expandTemplate, type TemplateValues } from "../../lib/device/webgpu/template.ts";
import { Transfers } from "../../lib/device/webgpu/transfers.ts";
import { allocateArgs, callOperation } from "../device/check_operation.ts";
import { loadDawn } from "./dawn.ts";
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
    }
    return kernel;
  }

  override run(): void {}
}

/** Calls every operation with every choice there is. */
function compileAll(compiler: Compiler): void {
  const memory = new Transfers(compiler);
  const device = { allocate: compiler.allocate.bind(compiler), write: memory.write.bind(memory) };
  const calls: ((operations: Operations) => void)[] = [];
  for (const [name, variants] of Object.entries(operationVariants())) {
    for (const variant of variants) {
      const { args } = allocateArgs(device, variant);
      calls.push((operations) => callOperation(operations, name as keyof Operations, args));
    }
  }
  const products: Record<AttentionProducts, true> = { tiles: true, direct: true };
  for (const product of Object.keys(products) as AttentionProducts[]) {
    for (const tile of MATMUL_TILES) {
      const operations = operationsOn(compiler, product, () => tile);
      for (const call of calls) call(operations);
    }
  }
}

const gpu = await loadDawn(["backend=null"]);

Deno.test("every variant of every kernel is WGSL", { ignore: !gpu }, async () => {
  const places = new Set<string>();
  for (const subgroups of [true, false]) {
    const { device, features } = await openAdapter({ gpu, features: { subgroups } });
    assertEquals(features.subgroups !== undefined, subgroups);
    const compiler = new Compiler(device, Infinity, Infinity, features);
    compileAll(compiler);
    const errors = (await Promise.all(compiler.errors)).flatMap((error) => error?.message ?? []);
    const [first] = errors;
    assert(!first, `${errors.length} of ${compiler.errors.length} kernels are not WGSL: ${first}`);
    for (const place of compiler.places) places.add(place);
    device.destroy();
  }

  // What no kernel holds, no compiler has seen.
  const unseen = [...texts].flatMap(([name, text]) => linesOf(name, text))
    .flatMap(({ places }) => places).filter((place) => !places.has(place));
  assertEquals(unseen, []);
});
