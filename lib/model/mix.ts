/**
 * What enters a block: the residual stream `x`, or where the model has lambdas
 *
 *     resid_lambda · x + x0_lambda · x0 + bigram_lambda · bigrams
 *
 * @module
 */
import type { Tensor } from "../device/mod.ts";
import type { GPT } from "./gpt.ts";

/** What is mixed into every block's input. */
export interface MixedIn {
  /** (B, T, C) The first block's input. */
  x0: Tensor;
  /** (B, T, C) The bigrams' embeddings, where the model has them. */
  bigrams?: Tensor;
}

const lambda = (model: GPT, name: string, layer: number) => (
  { tensor: model.value(`${name}_lambdas`), index: layer }
);

const residual = (model: GPT, layer: number) => ({
  a: lambda(model, "resid", layer),
  b: lambda(model, "x0", layer),
});

const bigram = (model: GPT, layer: number) =>
  ({ a: 1, b: lambda(model, "bigram", layer) }) as const;

/**
 * normed = the norm of what enters a block: of `x` (B, T, C), or of what is mixed of it in `mixed`.
 * Gives that.
 */
export function mixNorm(
  model: GPT,
  layer: number,
  x: Tensor,
  { x0, bigrams }: MixedIn,
  mixed: Tensor,
  normed: Tensor,
): Tensor {
  const { device, parts } = model;
  if (!parts.lambdas) {
    device.rmsNorm({ out: normed, x });
    return x;
  }
  const withFirst = { out: mixed, x, y: x0, ...residual(model, layer) };
  if (bigrams) {
    device.combine(withFirst);
    const streams = { out: mixed, normed, x: mixed, y: bigrams };
    device.combineNorm({ ...streams, ...bigram(model, layer) });
  } else device.combineNorm({ ...withFirst, normed });
  return mixed;
}

/**
 * The backward pass of the mixing in {@link mixNorm}: turns `dx`, the gradient of what was mixed, into
 * that of `x`, and adds to those of what was mixed in, and of the lambdas. The last layer, whose pass
 * is the first, overwrites those of what was mixed in.
 */
export function mixBackward(
  model: GPT,
  layer: number,
  x: Tensor,
  { x0, bigrams }: MixedIn,
  dx: Tensor,
  gradients: MixedIn,
): void {
  const { device, config, parts } = model;
  if (!parts.lambdas) return;
  const overwriteDy = layer === config.nLayer - 1;
  if (bigrams && gradients.bigrams) {
    const db = model.gradient("bigram_lambdas"), dy = gradients.bigrams;
    const streams = { dx, dy, dout: dx, x, y: bigrams, overwriteDy };
    device.combineBackward({ ...streams, db, ...bigram(model, layer) });
  }
  const da = model.gradient("resid_lambdas"), db = model.gradient("x0_lambdas");
  const streams = { dx, dy: gradients.x0, dout: dx, x, y: x0, overwriteDy };
  device.combineBackward({ ...streams, da, db, ...residual(model, layer) });
}
