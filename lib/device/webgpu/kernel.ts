/**
 * Kernels: WGSL text made into pipelines. What a kernel is bound to is read from its text, so that
 * names are stated once.
 *
 * @module
 */
import { directives, type GpuFeatures } from "./features.ts";
import { expandTemplate, type TemplateValues } from "./template.ts";

/** A storage variable of a kernel. */
interface KernelBinding {
  name: string;
  binding: number;
  writable: boolean;
  /** Whether it is seen as whole numbers, as two of 16 bits are. */
  halves: boolean;
}

/** A compiled kernel. Its entry point is `main`, its uniforms are `var<uniform> args: Args`. */
export class Kernel {
  /** Its storage variables. */
  readonly bindings: readonly KernelBinding[];
  /** Kernels with the same key can share bind groups. */
  readonly layoutKey: string;
  readonly layout: GPUBindGroupLayout;
  readonly pipeline: GPUComputePipeline;
  /** Bytes of `Args`, and the distance to the next one in the uniform buffer. */
  readonly uniformSize: number;
  readonly uniformStride: number;
  readonly #members: readonly { name: string; type: string }[];

  /** @param source The template that gave the code. */
  constructor(
    device: GPUDevice,
    features: GpuFeatures,
    layouts: Map<string, GPUBindGroupLayout>,
    code: string,
    readonly source: string,
  ) {
    const aliases = new Map(
      Array.from(code.matchAll(/alias (\w+) = (\w+);/g), ([, name, type]) => [name, type]),
    );
    this.bindings = [
      ...code.matchAll(/@binding\((\d+)\) var<storage, (\w+)> (\w+): array<([\w<>]+)>;/g),
    ].map(([, binding, access, name, type]) => ({
      name,
      binding: Number(binding),
      writable: access === "read_write",
      halves: /^(u32|vec[24]u|atomic<u32>)$/.test(aliases.get(type) ?? type),
    }));
    const members = /struct Args \{([^}]*)\}/.exec(code)?.[1] ?? "";
    this.#members = [...members.matchAll(/(\w+): ([fiu]32),/g)]
      .map(([, name, type]) => ({ name, type }));
    this.uniformSize = Math.ceil(this.#members.length / 4) * 16;
    const alignment = device.limits.minUniformBufferOffsetAlignment;
    this.uniformStride = Math.ceil(this.uniformSize / alignment) * alignment;

    const modes = this.bindings.map((b) => `${b.binding}${b.writable ? "w" : "r"}`);
    this.layoutKey = `${this.uniformSize} ${modes.join(" ")}`;
    this.layout = layouts.get(this.layoutKey) ?? this.#createLayout(device);
    layouts.set(this.layoutKey, this.layout);
    this.pipeline = device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [this.layout] }),
      compute: { module: device.createShaderModule({ code: directives(features, code) + code }) },
    });
  }

  /** Lays the members of `Args` out at `offset`. */
  writeUniforms(view: DataView, offset: number, values: Readonly<Record<string, number>>): void {
    for (const { name, type } of this.#members) {
      const value = values[name];
      if (value === undefined) throw new TypeError(`The kernel's uniform ${name} is missing`);
      if (type === "f32") view.setFloat32(offset, value, true);
      else view.setInt32(offset, value, true);
      offset += 4;
    }
  }

  #createLayout(device: GPUDevice): GPUBindGroupLayout {
    const visibility = GPUShaderStage.COMPUTE;
    const uniforms: GPUBufferBindingLayout = { type: "uniform", hasDynamicOffset: true };
    return device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility, buffer: uniforms },
        ...this.bindings.map(({ binding, writable }) => {
          const type: GPUBufferBindingType = writable ? "storage" : "read-only-storage";
          return { binding, visibility, buffer: { type } };
        }),
      ],
    });
  }
}

/** The kernels of a device, compiled once each. */
export class KernelCache {
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #kernels = new Map<string, Map<string, Kernel>>();

  constructor(private readonly device: GPUDevice, private readonly features: GpuFeatures) {}

  /** The kernel that a template gives with these values, and SUBGROUPS: whether there are any. */
  get(source: string, values: TemplateValues): Kernel {
    let variants = this.#kernels.get(source);
    if (!variants) this.#kernels.set(source, variants = new Map());
    const key = Object.entries(values).join();
    let kernel = variants.get(key);
    if (!kernel) {
      const SUBGROUPS = this.features.subgroups !== undefined;
      const code = expandTemplate(source, { SUBGROUPS, ...values });
      variants.set(
        key,
        kernel = new Kernel(this.device, this.features, this.#layouts, code, source),
      );
    }
    return kernel;
  }
}
