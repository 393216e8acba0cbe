/**
 * The model with a cache of keys and values: prompts are read once, then a token at a time.
 *
 * @module
 */
import type { DType, Tensor } from "../device/mod.ts";
import { PAGE_ROWS } from "../device/attention.ts";
import { Arena } from "./arena.ts";
import { type BlockScratch, type BlockValues, forwardBlock } from "./block.ts";
import { backoutLayer, bigramRows, headSize, windowSizes } from "./config.ts";
import { embed, embedBigrams, smear } from "./embed.ts";
import type { GPT } from "./gpt.ts";
import { LossHead } from "./loss_head.ts";
import { rotaryTensors } from "./rotary.ts";

/** Where one of the sequences of a {@link CachedPass} stands. */
export interface Seat {
  /** Its pages of keys and values, as many as it will ever fill. */
  pages: readonly number[];
  /** Of how many of its tokens keys and values are there. */
  length: number;
  /** The last of those tokens; none where there is none. */
  last?: number;
}

/** How much a {@link CachedPass} holds. */
export interface CachedPassSize {
  /** Most sequences of a call. */
  rows: number;
  /** Most new tokens of a call, those of all its sequences together. */
  tokens: number;
  /** Most tokens of a sequence. */
  capacity: number;
  /** Pages of keys and values, each of {@link PAGE_ROWS} tokens. */
  pages: number;
}

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

/** The tensors of a call with T new tokens of each of B sequences. */
interface CallTensors {
  B: number;
  T: number;
  act: Activations;
  /** (B, C) Normalised embedding of each sequence's last token, for smearing. */
  previous: Tensor;
  /** (B) Each sequence's last token as a number, −1 for none; where bigrams are embedded. */
  previousIds: Tensor | undefined;
  /** int32 (B, N) The pages of each sequence. */
  pages: Tensor;
  /** int32 (B) Lengths before the call. */
  positions: Tensor;
  /** int32 (B) The row of each sequence's last new token. */
  lastRows: Tensor;
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
 * Sequences that grow together, each from its own length. Their keys and values lie in pages, which
 * whoever seats the sequences deals out: they may share pages that are full.
 */
export class CachedPass {
  /** Most tokens of a sequence. */
  readonly capacity: number;
  /** Most new tokens of a call. */
  readonly maxTokens: number;
  /** int32 (maxTokens) New tokens, sequence by sequence; write them, or let `sample` do so. */
  readonly ids: Tensor;
  readonly #arena: Arena;
  readonly #caches: { k: Tensor; v: Tensor }[];
  /** What each sequence has, for most of them: see {@link CallTensors}. */
  readonly #previous: Tensor;
  readonly #previousIds: Tensor | undefined;
  readonly #pages: Tensor;
  readonly #positions: Tensor;
  readonly #lastRows: Tensor;
  /** A page on its way to another, and which two they are. */
  readonly #copied: Tensor;
  readonly #places: Tensor;
  readonly #act: Activations;
  readonly #head: LossHead;
  /** (capacity, D/2) For rotary embeddings. */
  readonly #tables: { cos: Tensor; sin: Tensor };
  /** Those of the last call: the next is mostly like it. */
  #tensors: CallTensors | undefined;
  /** Tokens in each sequence so far. */
  #lengths = new Int32Array(0);
  /** (B, T, C) The final residual stream of the last call. */
  #final: Tensor;

  /**
   * Plans memory.
   *
   * @throws {UserError} when the device cannot hold it; nothing stays allocated.
   */
  constructor(readonly model: GPT, { rows, tokens, capacity, pages }: CachedPassSize) {
    const { device, config, parts, kept: { activations } } = model;
    const { nEmbd: C, nKvHead: Hkv, nLayer } = config;
    this.capacity = capacity;
    this.maxTokens = tokens;
    const arena = this.#arena = new Arena(device), page = [PAGE_ROWS, Hkv, headSize(config)];
    this.#caches = Array.from({ length: nLayer }, (_, layer) => ({
      k: arena.tensor(`key cache of layer ${layer}`, [pages, ...page], activations),
      v: arena.tensor(`value cache of layer ${layer}`, [pages, ...page], activations),
    }));
    this.#copied = arena.tensor("copied page", [1, ...page], activations);
    this.#places = arena.tensor("places of the copied page", [2], "int32");
    this.#previous = arena.tensor("embeddings of the last tokens", [rows, C]);
    if (parts.bigram) this.#previousIds = arena.tensor("last tokens", [rows, 1]);
    const most = Math.ceil(capacity / PAGE_ROWS);
    this.#pages = arena.tensor("pages of sequences", [rows, most], "int32");
    this.#positions = arena.tensor("lengths of sequences", [rows], "int32");
    this.#lastRows = arena.tensor("rows of last tokens", [rows], "int32");
    const types = activationTypes(model);
    const tensors = Object.entries(activationShapes(model, 1, tokens)).map(([name, shape]) => [
      name,
      arena.tensor(`${name} of cached sequences`, shape, types[name as keyof Activations]),
    ]);
    this.#act = Object.fromEntries(tensors) as Activations;
    this.ids = device.view(this.#act.ids, [tokens]);
    this.#final = this.#act.final;
    this.#head = new LossHead(model, arena, rows, false);
    this.#tables = rotaryTensors(model, arena, capacity);
  }

  /**
   * Decides which sequences the next calls of {@link forward} go on with. Overwrites {@link ids}.
   *
   * @param seats One for each, in their order.
   */
  seat(seats: readonly Seat[]): void {
    const { device, config: { nEmbd: C } } = this.model, B = seats.length;
    this.#lengths = Int32Array.from(seats, ({ length }) => length);
    const most = this.#pages.shape[1], table = new Int32Array(B * most);
    seats.forEach(({ pages }, b) => table.set(pages, b * most));
    device.write(this.#pages, table);
    if (this.#previousIds) {
      device.write(this.#previousIds, Float32Array.from(seats, ({ last }) => last ?? -1));
    }
    const ids = device.view(this.ids, [B]), previous = device.view(this.#previous, [B, C]);
    device.write(ids, Int32Array.from(seats, ({ last }) => last ?? 0));
    embed(this.model, ids, device.view(this.#act.mixed, [B, C]), previous);
    seats.forEach(({ last }, b) => {
      if (last === undefined) device.write(previous, new Float32Array(C), b * C);
    });
  }

  /** The tensors for T new tokens of each of B sequences. */
  #tensorsFor(B: number, T: number): CallTensors {
    if (this.#tensors?.B === B && this.#tensors.T === T) return this.#tensors;
    const { device } = this.model;
    const views = Object.entries(activationShapes(this.model, B, T)).map(([name, shape]) => [
      name,
      device.view(this.#act[name as keyof Activations]!, shape),
    ]);
    const ofRows = (tensor: Tensor) => device.view(tensor, [B, ...tensor.shape.slice(1)]);
    return this.#tensors = {
      B,
      T,
      act: Object.fromEntries(views) as Activations,
      previous: ofRows(this.#previous),
      previousIds: this.#previousIds && ofRows(this.#previousIds),
      pages: ofRows(this.#pages),
      positions: ofRows(this.#positions),
      lastRows: ofRows(this.#lastRows),
    };
  }

  /**
   * Appends `T` tokens from {@link ids}, read as (B, T), to every sequence.
   *
   * @throws {RangeError} when a sequence would outgrow the capacity.
   */
  forward(T: number): void {
    const { model, model: { device, config, parts } } = this, B = this.#lengths.length;
    if (B * T > this.maxTokens || this.#lengths.some((length) => length + T > this.capacity)) {
      throw new RangeError(`${T} more tokens do not fit into ${this.capacity}`);
    }
    const { act, previous, previousIds, pages, positions, lastRows } = this.#tensorsFor(B, T);
    const { ids, x0, mixed: embedded, middle: normed, remembered } = act;
    device.write(positions, this.#lengths);
    device.write(lastRows, this.#lengths.map((_, b) => b * T + T - 1));

    embed(model, ids, embedded, normed);
    smear(model, x0, normed, { previous });
    device.gatherRows({ out: previous, x: normed, index: lastRows });
    this.#embedBigrams(act, previousIds);

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
        const cached = { q, kCache, vCache, pages, positions };
        device.appendCache({ ...cached, k, v, ...rotary });
        device.attentionWithCache({ ...cached, out, window });
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
    for (let b = 0; b < B; b++) this.#lengths[b] += T;
  }

  /** The embeddings of the new tokens' bigrams, where the model has them. */
  #embedBigrams({ ids, bigramIds: out, bigrams }: Activations, previous: Tensor | undefined): void {
    const { model } = this;
    if (!previous || !out || !bigrams) return;
    model.device.bigramIds({ out, ids, previous, buckets: bigramRows(model.config) });
    embedBigrams(model, out, bigrams);
  }

  /** (B, V) Capped logits of the token after the last {@link forward}, valid until the next. */
  logits(): Tensor {
    return this.#head.logits(this.#final, this.#lastRows, 0, this.#lengths.length);
  }

  /** Copies keys and values of a page to another, in all layers. */
  copyPage(from: number, to: number): void {
    const { device } = this.model, index = this.#places;
    device.write(index, Int32Array.of(from, to));
    const byPage = (tensor: Tensor) =>
      device.view(tensor, [tensor.shape[0], tensor.size / tensor.shape[0]]);
    const copied = byPage(this.#copied);
    for (const cache of this.#caches.flatMap(({ k, v }) => [byPage(k), byPage(v)])) {
      device.gatherRows({ out: copied, x: cache, index });
      device.scatterRows({ out: cache, x: copied, index, start: 1 });
    }
  }

  /** Gives the memory back. */
  free(): void {
    this.#arena.free();
  }
}
