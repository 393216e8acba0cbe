/**
 * The whole model over a batch of fixed shape: forward, loss, backward. All memory is planned when
 * the pass is made; running it allocates nothing and waits for nothing.
 *
 * @module
 */
import type { DType, Tensor } from "../device/mod.ts";
import { Arena } from "./arena.ts";
import { DeviceBatch } from "./device_batch.ts";
import {
  backwardBlock,
  type BlockActivations,
  type BlockGradients,
  type BlockInputs,
  type BlockScratch,
  forwardBlock,
} from "./block.ts";
import { backoutLayer, headSize, windowSizes } from "./config.ts";
import { BIGRAM_TABLE, embed, embedBigrams, smear } from "./embed.ts";
import type { GPT } from "./gpt.ts";
import { LossHead } from "./loss_head.ts";
import type { MixedIn } from "./mix.ts";
import { rotaryTensors } from "./rotary.ts";

/** Memory of the backward pass. */
interface Gradients extends BlockGradients {
  dx: Tensor;
  dMixedIn: MixedIn;
  /** Only where the model takes it out again. */
  dRemembered?: Tensor;
}

/** A model's forward and backward pass over batches of one shape (B, T). */
export class Pass {
  /** The inputs; write them before running. */
  readonly batch: DeviceBatch;
  /** The token that begins each conversation, where those of a row are isolated. */
  readonly separator: number | undefined;
  /** (B, T, C) The final, normalised residual stream. */
  readonly final: Tensor;
  /** The vocabulary product. */
  readonly head: LossHead;
  readonly #arena: Arena;
  readonly #layers: BlockActivations[];
  readonly #scratch: BlockScratch;
  readonly #recompute: boolean;
  readonly #gradients: Gradients | undefined;
  /** (B, T, C) Input of the first block and bigrams, of every block, and output of the last. */
  readonly #mixedIn: MixedIn;
  readonly #last: Tensor;
  /** (B, T, C) The residual stream after the backout layer, if any, and at the end without it. */
  readonly #remembered: Tensor | undefined;
  readonly #beforeNorm: Tensor;
  /** (T, D/2) For rotary embeddings. */
  readonly #tables: { cos: Tensor; sin: Tensor };
  readonly #windows: number[];

  /**
   * Plans a pass. Without `training`, layers share their activations and only {@link forward} and
   * {@link evaluate} may be used. With `recompute` they share them in training too, but for their
   * inputs, and the backward pass computes each layer's once more: the same bits, for a third more
   * products. With a `separator`, the conversations of a row, which begin with that token, are
   * isolated.
   *
   * @throws {UserError} when the device cannot hold the activations; nothing stays allocated.
   */
  constructor(
    readonly model: GPT,
    readonly B: number,
    readonly T: number,
    options: { training?: boolean; recompute?: boolean; separator?: number } = {},
  ) {
    const { training = false, recompute = false, separator } = options;
    this.separator = separator;
    const { device, config, parts, kept } = model;
    const { nEmbd: C, nHead: H, nKvHead: Hkv, nLayer } = config;
    const D = headSize(config), N = B * T;
    const arena = this.#arena = new Arena(device);
    const stream = (name: string) => arena.tensor(name, [B, T, C]);
    const heads = (name: string, H: number, dtype?: DType) =>
      arena.tensor(name, [B, T, H, D], dtype);
    const input = (layer: number) => stream(`input of layer ${layer}`);
    const activations = (layer: string): Omit<BlockActivations, "x"> => ({
      q: heads(`queries of ${layer}`, H, kept.activations),
      k: heads(`keys of ${layer}`, Hkv, kept.activations),
      v: heads(`values of ${layer}`, Hkv, kept.activations),
      qRstd: arena.tensor(`query norms of ${layer}`, [N, H]),
      kRstd: arena.tensor(`key norms of ${layer}`, [N, Hkv]),
      attended: heads(`attention of ${layer}`, H, kept.activations),
      lse: arena.tensor(`log-sum-exp of ${layer}`, [B, H, T]),
      middle: stream(`middle of ${layer}`),
      hidden: arena.tensor(`hidden units of ${layer}`, [B, T, 4 * C], kept.hidden),
    });
    const layers = Array.from({ length: nLayer }, (_, layer) => layer);
    this.#recompute = training && recompute;
    this.batch = new DeviceBatch(model, arena, B, { T, separator }, training);
    const bigrams = parts.bigram ? stream("embedded bigrams") : undefined;
    if (training) {
      const shared = recompute ? activations("a layer") : undefined;
      this.#layers = layers.map((layer) => (
        { x: input(layer), ...shared ?? activations(`layer ${layer}`) }
      ));
      this.#last = stream("output of the last layer");
      this.#gradients = {
        dNormed: stream("gradient of a norm"),
        dAttended: heads("gradient of attention", H),
        dq: heads("gradient of queries", H),
        dk: heads("gradient of keys", Hkv),
        dv: heads("gradient of values", Hkv),
        delta: arena.tensor("delta of attention", [B, H, T]),
        dHidden: arena.tensor("gradient of hidden units", [B, T, 4 * C]),
        dx: stream("gradient of the residual stream"),
        dMixedIn: {
          x0: stream("gradient of the first layer's input"),
          bigrams: bigrams && stream("gradient of embedded bigrams"),
        },
        dRemembered: parts.backout ? stream("gradient of the remembered stream") : undefined,
      };
    } else {
      const x = stream("input of a layer"), shared = activations("a layer");
      // Layers write over their input, but for what is read again.
      const inputOf = (layer: number) =>
        layer === 0 && parts.lambdas
          ? stream("first layer's input")
          : layer === backoutLayer(config) + 1 && parts.backout
          ? stream("remembered stream")
          : x;
      this.#layers = layers.map((layer) => ({ x: inputOf(layer), ...shared }));
      this.#last = x;
    }
    this.#mixedIn = { x0: this.#layers[0].x, bigrams };
    this.#remembered = parts.backout
      ? this.#layers[backoutLayer(config) + 1]?.x ?? this.#last
      : undefined;
    const normed = arena.tensor("normalised input", [B, T, C], kept.activations);
    this.#scratch = { mixed: stream("mixed input"), normed };
    this.#beforeNorm = parts.backout ? stream("residual stream before the final norm") : this.#last;
    this.final = stream("final residual stream");
    this.head = new LossHead(model, arena, N, training);
    this.#tables = rotaryTensors(model, arena, T);
    this.#windows = windowSizes(config, parts.windows);
  }

  get #inputs(): BlockInputs {
    return { ids: this.batch.ids, ...this.#mixedIn };
  }

  /** The normalised embeddings of the batch, before smearing, into memory that no layer needs then. */
  #embed(): Tensor {
    const { mixed: embedded } = this.#scratch, [{ middle: normed }] = this.#layers;
    embed(this.model, this.batch.ids, embedded, normed);
    return normed;
  }

  /** Computes {@link final} for the written batch. */
  forward(): void {
    for (const _ of this.#forward());
  }

  /** One layer at a time; none of it finishes a gradient. */
  *#forward(): Generator<0> {
    const { model, model: { device } } = this;
    const remembered = this.#remembered;
    const { x0, bigrams } = this.#mixedIn;
    smear(model, x0, this.#embed(), { starts: this.batch.starts });
    if (bigrams && this.batch.bigrams) embedBigrams(model, this.batch.bigrams.ids, bigrams);

    for (const [layer, act] of this.#layers.entries()) {
      const out = this.#layers[layer + 1]?.x ?? this.#last;
      this.#runBlock(layer, act, out);
      yield 0;
    }
    if (remembered) {
      const streams = { out: this.#beforeNorm, x: this.#last, y: remembered };
      device.combineNorm({ ...streams, normed: this.final, ...this.#backout });
    } else device.rmsNorm({ out: this.final, x: this.#beforeNorm });
  }

  /** Computes a layer's activations, and its output if that is wanted. */
  #runBlock(layer: number, act: BlockActivations, out: Tensor | undefined): void {
    const { model, model: { device } } = this;
    const { attended, lse, q, k, v, qRstd, kRstd } = act, window = this.#windows[layer];
    const rotary = { ...this.#tables, scale: model.parts.qkScale };
    const attend = () => {
      device.rotaryNorm({ x: q, rstd: qRstd, ...rotary });
      device.rotaryNorm({ x: k, rstd: kRstd, ...rotary });
      device.attention({ out: attended, lse, q, k, v, window, starts: this.batch.starts });
    };
    forwardBlock(model, layer, this.#inputs, act, this.#scratch, out, attend);
  }

  get #backout() {
    const tensor = this.model.value("backout_lambda");
    return { a: 1, b: { tensor, index: 0, negate: true } } as const;
  }

  /**
   * Forward, then `lossSum[0] += scale · Σ weight · loss` over the counted targets; the losses
   * themselves are in `head.losses`.
   */
  evaluate(lossSum: Tensor, scale = 1): void {
    const { index, targets, count } = this.batch;
    if (count === 0) return;
    this.forward();
    this.head.run({ final: this.final, index, targets, count });
    this.#addLosses(lossSum, scale);
  }

  #addLosses(lossSum: Tensor, scale: number): void {
    const { device } = this.model;
    const { count } = this.batch;
    const x = device.view(this.head.losses, [count]);
    device.sum({ out: lossSum, x, weights: device.view(this.batch.weights, [count]), scale });
  }

  /**
   * Forward and backward: adds `scale` times the gradient of the mean loss over counted targets to
   * the parameters' gradients, and `scale` times that loss to `lossSum[0]`. A batch without
   * counted targets adds nothing.
   *
   * @param lossScale What gradients are multiplied by besides, to be taken back by the optimizer.
   * @throws {Error} if the pass was made without `training`.
   */
  train(lossSum: Tensor, scale: number, lossScale = 1): void {
    for (const _ of this.training(lossSum, scale, lossScale));
  }

  /**
   * {@link train}, one layer at a time: gives how many lists of {@link backwardOrder} have final
   * gradients by then, so that they can be handed on while the rest is computed, or the rest left
   * out. It is done when all are; a batch without counted targets gives nothing.
   *
   * @throws {Error} if the pass was made without `training`.
   */
  *training(lossSum: Tensor, scale: number, lossScale = 1): Generator<number> {
    const gradients = this.#gradients;
    if (!gradients) throw new Error("the pass was made for inference");
    const { index, targets, count } = this.batch;
    if (count === 0) return;
    yield* this.#forward();
    // Until the final norm's backward pass, that of x0 is free to hold the gradient of `final`.
    const gradient = { dFinal: gradients.dMixedIn.x0, scale: lossScale * scale / count };
    this.head.run({ final: this.final, index, targets, count, gradient });
    this.#addLosses(lossSum, scale / count);
    yield 1;
    yield* this.#backward(gradients);
  }

  *#backward(gradients: Gradients): Generator<number> {
    const { model, model: { device, config, parts } } = this;
    const { dx, dMixedIn, dMixedIn: { x0: dx0, bigrams: dBigrams }, dRemembered } = gradients;
    const remembered = this.#remembered;
    device.rmsNormBackward({ dx, dout: dx0, x: this.#beforeNorm });
    if (remembered && dRemembered) {
      const streams = { dx, dy: dRemembered, dout: dx, x: this.#last, y: remembered };
      const db = model.gradient("backout_lambda");
      device.combineBackward({ ...streams, db, ...this.#backout, overwriteDy: true });
    }
    const { groups, starts } = this.batch;
    const inputs = { ...this.#inputs, ...this.#tables, groups, starts };
    const scratch = { ...this.#scratch, ...gradients };
    for (let layer = config.nLayer - 1; layer >= 0; layer--) {
      if (layer === backoutLayer(config) && dRemembered) {
        device.combine({ out: dx, x: dx, y: dRemembered, a: 1, b: 1 });
      }
      const window = this.#windows[layer], act = this.#layers[layer];
      // Those of the last layer are still there.
      if (this.#recompute && layer < config.nLayer - 1) this.#runBlock(layer, act, undefined);
      backwardBlock(model, layer, inputs, act, scratch, window, dx, dMixedIn);
      yield 1 + config.nLayer - layer;
    }
    if (parts.lambdas) device.combine({ out: dx, x: dx, y: dx0, a: 1, b: 1 });
    const x = this.#embed();
    let dEmbedding = dx;
    if (parts.smear) {
      dEmbedding = gradients.dNormed;
      device.smearBackward({
        dx: dEmbedding,
        dgate: model.gradient("smear_gate.weight"),
        dlambda: model.gradient("smear_lambda"),
        dout: dx,
        x,
        gate: model.value("smear_gate.weight"),
        lambda: model.value("smear_lambda"),
        starts,
      });
    }
    device.rmsNormBackward({ dx: dx0, dout: dEmbedding, x: this.#scratch.mixed });
    const dtable = model.gradient("transformer.wte.weight");
    device.embeddingBackward({ dtable, dout: dx0, groups: this.batch.groups });
    if (dBigrams && this.batch.bigrams) {
      const { groups } = this.batch.bigrams, dtable = model.gradient(BIGRAM_TABLE);
      device.embeddingBackward({ dtable, dout: dBigrams, groups });
    }
    yield 2 + config.nLayer;
  }

  /** Gives the memory of the pass back. */
  free(): void {
    this.#arena.free();
  }
}
