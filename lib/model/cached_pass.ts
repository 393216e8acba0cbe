/**
 * The model with a cache of keys and values: prompts are read once, then a token at a time.
 *
 * @module
 */
import type { DType, Tensor } from "../device/mod.ts";
import { Arena } from "./arena.ts";
import { type BlockScratch, type BlockValues, forwardBlock } from "./block.ts";
import { backoutLayer, bigramRows, headSize, windowSizes } from "./config.ts";
import { embed, embedBigrams, smear } from "./embed.ts";
import type { GPT } from "./gpt.ts";
import { LossHead } from "./loss_head.ts";
import { rotaryTensors } from "./rotary.ts";

/** Activations of one call. */
interface Activations extends BlockValues, BlockScratch {
  ids: Tensor;
  x0: Tensor;
  remembered: Tensor;
  final: Tensor;
  /** int32 (B, T) Hashes of each token and the one before; where bigrams are embedded. */
  bigramIds?: Tensor;
  bigrams?: Tensor;
}

/** The types of activations, float32 where none is named. */
function activationTypes({ kept }: GPT): Partial<Record<keyof Activations, DType>> {
  const { activations, hidden } = kept;
  const heads = { q: activations, k: activations, v: activations, attended: activations };
  return { ids: "int32", bigramIds: "int32", ...heads, normed: activations, hidden };
}

/** Their shapes for B sequences with T new tokens each. */
function activationShapes(
  { config, parts }: GPT,
  B: number,
  T: number,
): { [Name in keyof Activations]: number[] } {
  const { nEmbd: C, nHead: H, nKvHead: Hkv } = config;
  const D = headSize(config), stream = [B, T, C];
  return {
    ids: [B, T],
    x: stream,
    x0: stream,
    remembered: stream,
    mixed: stream,
    normed: stream,
    middle: stream,
    final: stream,
    q: [B, T, H, D],
    k: [B, T, Hkv, D],
    v: [B, T, Hkv, D],
    attended: [B, T, H, D],
    hidden: [B, T, 4 * C],
    ...parts.bigram ? { bigramIds: [B, T], bigrams: stream } : {},
  };
}

/**
 * B sequences that grow together, each from its own length. Read prompts one by one in a pass of a
 * single sequence, let the sequences of a larger pass {@link adopt} them, and go on from there.
 */
export class CachedPass {
  /** Tokens in each sequence so far. Shrink one to take its last tokens back. */
  readonly lengths: Int32Array;
  /** int32 (B, maxT) New tokens; write them, or let {@link Device.sample} do so. */
  readonly ids: Tensor;
  readonly #arena: Arena;
  readonly #caches: { k: Tensor; v: Tensor }[];
  /** (B, C) Normalised embedding of each sequence's last token, for smearing. */
  readonly #previous: Tensor;
  /** (B) Each sequence's last token as a number, −1 for none; where bigrams are embedded. */
  readonly #previousIds: Tensor | undefined;
  /** int32 (B) Lengths before a call. */
  readonly #positions: Tensor;
  /** int32 (B) The row of each sequence's last new token. */
  readonly #lastRows: Tensor;
  /** int32 (B) The sequences that {@link adopt} fills. */
  readonly #adopting: Tensor;
  readonly #act: Activations;
  /** (B, T, C) The final residual stream of the last call. */
  #final: Tensor;
  readonly #head: LossHead;
  /** (capacity, D/2) For rotary embeddings. */
  readonly #tables: { cos: Tensor; sin: Tensor };

  /**
   * Plans memory for `B` sequences of up to `capacity` tokens, at most `maxT` new ones a call.
   *
   * @throws {UserError} when the device cannot hold it; nothing stays allocated.
   */
  constructor(
    readonly model: GPT,
    readonly B: number,
    readonly capacity: number,
    readonly maxT: number,
  ) {
    const { device, config, parts, kept } = model;
    const { nEmbd: C, nKvHead: Hkv, nLayer } = config;
    const D = headSize(config);
    const arena = this.#arena = new Arena(device);
    this.lengths = new Int32Array(B);
    this.#caches = Array.from({ length: nLayer }, (_, layer) => ({
      k: arena.tensor(`key cache of layer ${layer}`, [B, capacity, Hkv, D], kept.activations),
      v: arena.tensor(`value cache of layer ${layer}`, [B, capacity, Hkv, D], kept.activations),
    }));
    this.#previous = arena.tensor("embeddings of the last tokens", [B, C]);
    if (parts.bigram) this.#previousIds = arena.tensor("last tokens", [B, 1]);
    this.#positions = arena.tensor("lengths of sequences", [B], "int32");
    this.#lastRows = arena.tensor("rows of last tokens", [B], "int32");
    this.#adopting = arena.tensor("adopting sequences", [B], "int32");
    const shapes = Object.entries(activationShapes(model, B, maxT));
    const types = activationTypes(model);
    const tensors = shapes.map(([name, shape]) => [
      name,
      arena.tensor(`${name} of cached sequences`, shape, types[name as keyof Activations]),
    ]);
    this.#act = Object.fromEntries(tensors) as Activations;
    this.ids = this.#act.ids;
    this.#final = this.#act.final;
    this.#head = new LossHead(model, arena, B, false);
    this.reset();
    this.#tables = rotaryTensors(model, arena, capacity);
  }

  /** The activations for T new tokens a sequence. */
  #activations(T: number): Activations {
    if (T === this.maxT) return this.#act;
    const shapes = Object.entries(activationShapes(this.model, this.B, T));
    const views = shapes.map(([name, shape]) => [
      name,
      this.model.device.view(this.#act[name as keyof Activations]!, shape),
    ]);
    return Object.fromEntries(views) as Activations;
  }

  /**
   * Appends `T` tokens from {@link ids}, read as (B, T), to every sequence.
   *
   * @throws {RangeError} when a sequence would outgrow the capacity.
   */
  forward(T: number): void {
    const { model, model: { device, config, parts }, B } = this;
    if (T > this.maxT || this.lengths.some((length) => length + T > this.capacity)) {
      throw new RangeError(`${T} more tokens do not fit into ${this.capacity}`);
    }
    const act = this.#activations(T);
    const { ids, x0, mixed: embedded, middle: normed, remembered } = act;
    device.write(this.#positions, this.lengths);
    device.write(this.#lastRows, this.lengths.map((_, b) => b * T + T - 1));

    embed(model, ids, embedded, normed);
    smear(model, x0, normed, { previous: this.#previous });
    device.gatherRows({ out: this.#previous, x: normed, index: this.#lastRows });
    this.#embedBigrams(act);

    const positions = this.#positions;
    const inputs = { ids, x0, bigrams: act.bigrams };
    const rotary = { ...this.#tables, scale: parts.qkScale };
    const windows = windowSizes(config, parts.windows);
    // Layers write over their input, but for what is read again.
    const inputOf = (layer: number) =>
      layer === 0 ? x0 : layer === backoutLayer(config) + 1 && parts.backout ? remembered : act.x;
    const outputOf = (layer: number) => layer + 1 < config.nLayer ? inputOf(layer + 1) : act.x;
    this.#caches.forEach(({ k: kCache, v: vCache }, layer) => {
      const attend = () => {
        const { attended: out, q, k, v } = act, window = windows[layer];
        device.appendCache({ q, k, v, kCache, vCache, positions, ...rotary });
        device.attentionWithCache({ out, q, kCache, vCache, positions, window });
      };
      const own = { ...act, x: inputOf(layer) };
      forwardBlock(model, layer, inputs, own, act, outputOf(layer), attend);
    });
    const { x, mixed, final } = act;
    if (parts.backout) {
      const b = { tensor: model.value("backout_lambda"), index: 0, negate: true };
      const streams = { out: mixed, x, y: outputOf(backoutLayer(config)) };
      device.combineNorm({ ...streams, normed: final, a: 1, b });
    } else device.rmsNorm({ out: final, x });
    this.#final = final;
    for (let b = 0; b < B; b++) this.lengths[b] += T;
  }

  /** The embeddings of the new tokens' bigrams, where the model has them. */
  #embedBigrams({ ids, bigramIds: out, bigrams }: Activations): void {
    const previous = this.#previousIds, { model } = this;
    if (!previous || !out || !bigrams) return;
    model.device.bigramIds({ out, ids, previous, buckets: bigramRows(model.config) });
    embedBigrams(model, out, bigrams);
  }

  /** (B, V) Capped logits of the token after the last {@link forward}, valid until the next. */
  logits(): Tensor {
    return this.#head.logits(this.#final, this.#lastRows, 0, this.B);
  }

  /**
   * Takes over the single sequence of another pass of the same capacity as the beginning of some
   * of the sequences here.
   *
   * @param rows Which of the sequences here.
   */
  adopt(other: CachedPass, rows: readonly number[]): void {
    const { device } = this.model;
    device.write(this.#adopting, Int32Array.from(rows));
    const bySequence = (tensor: Tensor) =>
      device.view(tensor, [tensor.shape[0], tensor.size / tensor.shape[0]]);
    const adopt = (to: Tensor, from: Tensor) => {
      const out = bySequence(to), x = bySequence(from), index = this.#adopting;
      rows.forEach((_, start) => device.scatterRows({ out, x, index, start }));
    };
    this.#caches.forEach(({ k, v }, layer) => {
      adopt(k, other.#caches[layer].k);
      adopt(v, other.#caches[layer].v);
    });
    adopt(this.#previous, other.#previous);
    if (this.#previousIds && other.#previousIds) adopt(this.#previousIds, other.#previousIds);
    for (const row of rows) this.lengths[row] = other.lengths[0];
  }

  /**
   * Takes the last tokens of sequences back: sets {@link lengths} and restores what depends on the
   * token before.
   *
   * @param lengths The new length of each sequence, at least 1.
   * @param lastTokens The last token that each keeps.
   */
  rewind(lengths: Int32Array, lastTokens: Int32Array): void {
    const { device } = this.model;
    this.lengths.set(lengths);
    const ids = device.view(this.ids, [this.B]);
    device.write(ids, lastTokens);
    const embedded = device.view(this.#act.mixed, this.#previous.shape);
    embed(this.model, ids, embedded, this.#previous);
    if (this.#previousIds) device.write(this.#previousIds, Float32Array.from(lastTokens));
  }

  /** Empties all sequences. */
  reset(): void {
    this.lengths.fill(0);
    const { device } = this.model;
    device.zero({ x: this.#previous });
    if (this.#previousIds) device.write(this.#previousIds, new Float32Array(this.B).fill(-1));
  }

  /** Gives the memory back. */
  free(): void {
    this.#arena.free();
  }
}
