/**
 * A nanochat GPT: rotary embeddings, QK norm, grouped-query attention with sliding windows, value
 * embeddings, ReLU², learned residual mixing, smear and backout, or without those of its parts that
 * it lacks. Written as forward and backward passes over a device's named operations, without an
 * autograd framework: `pass.ts` runs the whole model, `block.ts` one layer, `loss_head.ts` the
 * vocabulary product with its loss.
 *
 * @module
 */
import type { Device, Tensor } from "../device/mod.ts";
import type { ModelConfig } from "../model_config.ts";
import { type ModelParts, NEWEST_PARTS } from "../model_parts.ts";
import { slices, type TensorSource } from "../tensor_source.ts";
import { checkComputeType, type ComputeType, type KeptTypes, keptTypes } from "./compute_type.ts";
import { flopsPerToken } from "./config.ts";
import type { GradientRows } from "./gradient_rows.ts";
import {
  allocateParameters,
  checkModelConfig,
  countParameters,
  type Parameter,
  type ParameterCounts,
  parameterSpecs,
  type WeightType,
} from "./parameters.ts";

/**
 * Where the values of parameters come from, a checkpoint or an initialisation: `count` elements of
 * a parameter from `start`, in row-major order.
 */
export type ParameterSource = (name: string, start: number, count: number) => Promise<Float32Array>;

/** A model: its configuration, and its parameters on a device. */
export class GPT {
  /** What it computes, beyond its sizes. */
  readonly parts: Readonly<Required<ModelParts>>;
  /** In which type it computes. */
  readonly dtype: ComputeType;
  /** What of it is kept in which type. */
  readonly kept: KeptTypes;
  /** All parameters by name, in nanochat's order. */
  readonly parameters: Map<string, Parameter>;

  /**
   * Allocates the parameters, zero-filled; {@link load} fills them.
   *
   * @param device Where the model lives.
   * @param config Its shape.
   * @param options `parts` are the newest's unless given; `training` adds gradients; `dtype` is in
   * which type it computes, float32 unless given; `weights` in 16 bits take half the memory of those
   * in float32, without gradients; where a step has at most `stepTokens`, of which {@link beginStep}
   * tells, gradients of tables have no more rows.
   * @throws {UserError} when no such model can be, or the device cannot hold a parameter or does not
   * compute in the type.
   */
  constructor(
    readonly device: Device,
    readonly config: ModelConfig,
    options: {
      parts?: ModelParts;
      training?: boolean;
      dtype?: ComputeType;
      weights?: WeightType;
      stepTokens?: number;
    } = {},
  ) {
    const { training = false, dtype = "float32", weights = "float32", stepTokens } = options;
    if (training && weights !== "float32") throw new TypeError("weights in training are float32");
    const parts = this.parts = { ...NEWEST_PARTS, ...options.parts };
    checkModelConfig(config, parts);
    checkComputeType(device, config, dtype);
    this.dtype = dtype;
    this.kept = keptTypes(dtype);
    this.parameters = allocateParameters(device, parameterSpecs(config, parts), {
      training,
      weights,
      dtype,
      stepTokens,
    });
  }

  /** The values of a parameter. */
  value(name: string): Tensor {
    return this.#parameter(name).value;
  }

  /** Where the gradient of a parameter accumulates. */
  gradient(name: string): Tensor {
    const { gradient } = this.#parameter(name);
    if (!gradient) throw new Error(`${name} has no gradient: the model was made for inference`);
    return gradient;
  }

  /** Whether the model has the parameter; those of parts that are off are missing. */
  has(name: string): boolean {
    return this.parameters.has(name);
  }

  #parameter(name: string): Parameter {
    const parameter = this.parameters.get(name);
    if (!parameter) throw new Error(`the model has no parameter ${name}`);
    return parameter;
  }

  /** Fills every parameter from a source, a slice at a time. */
  async load(read: ParameterSource): Promise<void> {
    for (const { name, value } of this.parameters.values()) {
      for (const { start, count } of slices(value.size)) {
        this.device.write(value, await read(name, start, count), start);
      }
    }
  }

  /**
   * The parameters by name, for a checkpoint. Each is read from the device when it is its turn to
   * be written.
   *
   * @param dtype Element type in the file, float32 unless given; what is kept in bfloat16 is so there.
   */
  stateDict(dtype: "float32" | "bfloat16" = "float32"): Map<string, TensorSource> {
    return new Map(
      [...this.parameters.values()].map(({ name, shape, value }) => {
        const read = (start: number, count: number) => this.device.read(value, start, count);
        return [name, { dtype: value.dtype === "bfloat16" ? value.dtype : dtype, shape, read }];
      }),
    );
  }

  /** Where gradients of few rows have those of their tables; tables of tokens share them. */
  get gradientRows(): ReadonlySet<GradientRows> {
    const all = [...this.parameters.values()].flatMap(({ gradientRows }) => gradientRows ?? []);
    return new Set(all);
  }

  /** Sets every gradient to zero, before the first micro-batch of a step. */
  zeroGradients(): void {
    for (const { name, gradientRows } of this.parameters.values()) {
      const gradient = this.gradient(name);
      this.device.zero({ x: gradientRows?.used(gradient) ?? gradient });
    }
  }

  /** Whether every parameter is a number: neither NaN nor infinite. */
  async isFinite(): Promise<boolean> {
    const { device } = this;
    const flag = device.allocate("flag of the parameters", [1], "int32");
    try {
      for (const { value } of this.parameters.values()) device.checkFinite({ x: value, flag });
      return (await device.read(flag))[0] === 0;
    } finally {
      device.free(flag);
    }
  }

  /** Parameter counts by purpose. */
  get counts(): ParameterCounts {
    return countParameters([...this.parameters.values()]);
  }

  /** Floating-point operations of one training token, see {@link flopsPerToken}. */
  get flopsPerToken(): number {
    const { transformerMatrices, lmHead } = this.counts;
    return flopsPerToken(this.config, transformerMatrices + lmHead, this.parts.windows);
  }

  /** Gives the memory of parameters and gradients back. */
  free(): void {
    for (const { value, gradient } of this.parameters.values()) {
      this.device.free(value);
      if (gradient) this.device.free(gradient);
    }
    for (const rows of this.gradientRows) rows.free();
  }
}
