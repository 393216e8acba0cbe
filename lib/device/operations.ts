/**
 * The operations a device offers, and the one contract each has. Every implementation (WGSL, CPU)
 * is tested against a float64 loop of the formula written here.
 *
 * Conventions. Tensors are float32 unless marked int32, row-major. One that is marked "or half" may
 * be kept in bfloat16 or float16: it is widened as it is read, and rounded to nearest, halves to
 * even, as it is written, wherever it is added to as well; finite numbers saturate at the ends of
 * float16. Its rows are a multiple of four long. WebGPU takes every such tensor, the CPU device only
 * weights in bfloat16: `b` of a product `nt`, and the tables of {@link Operations.embedding} and
 * {@link Operations.addValueEmbedding}. Whatever is stored, arithmetic is in float32 but where a
 * contract says otherwise.
 *
 * `B` batch, `T` time, `N = B·T` rows, `C` channels, `H` query heads, `Hkv` key/value heads, `D` head
 * size, `V` vocabulary rows, `starts` int32 (B, T) where in its row the packed conversation of each
 * token begins: starts_t ≤ t, and no less than that of t−1. A shape such as (N, C) may be given with
 * its leading dimensions split, as (B, T, C). `=` says that the output is overwritten, `+=` that it is
 * added to. Outputs do not alias inputs except where the contract says "in place". Operations are
 * deterministic: the same inputs give the same bits.
 *
 * @module
 */
import type { AttentionArgs, CacheArgs } from "./attention.ts";
import type { SamplingArgs } from "./sampling.ts";
import type { Tensor } from "./tensor.ts";

/** How the two operands of a product are stored: `t` marks a transposed one. */
export type MatmulLayout = "nn" | "nt" | "tn";

/** Arguments of {@link Operations.matmul}. */
export interface MatmulArgs {
  /** (M, N), or (n, M, N) for a batch; or half. */
  out: Tensor;
  /** (M, K), or stored (K, M) in layout `tn`; with the batch dimension if `out` has one; or half. */
  a: Tensor;
  /**
   * (K, N), or stored (N, K) in layout `nt`; with the batch dimension if `out` has one; or half.
   */
  b: Tensor;
  /** `nn`: a·b, `nt`: a·bᵀ, `tn`: aᵀ·b. */
  layout: MatmulLayout;
  /** Scale of the product; 1 unless given. */
  alpha?: number;
  /** Scale of `c`; 0 unless given, and then `c` is not read. */
  beta?: number;
  /** (like `out`) What is added, `out` itself unless given; or half. */
  c?: Tensor;
  /**
   * Whether the caller knows that each matrix of `out` is symmetric, as a·aᵀ is: a device may
   * compute one half of it and copy the other.
   */
  symmetric?: boolean;
  /**
   * Applied last. `reluSquare`: max(0, y)². `reluSquareGradient`: y · 2·sqrt(activation), where
   * `activation` (like `out`, or half) is what `reluSquare` gave.
   */
  epilogue?: { kind: "reluSquare" } | { kind: "reluSquareGradient"; activation: Tensor };
  /**
   * Type to which a device that multiplies in it may round elements of `a` and `b` first, float32
   * unless given; sums are float32. What float16 cannot hold saturates, but in `a` of layouts `nn`
   * and `tn`, which is a gradient there, it becomes infinite: so a loss scale that is too large shows.
   */
  operands?: "float32" | "float16";
}

/** A factor that is one element of a tensor (negated if so marked), or plainly 1. */
export type Coefficient = 1 | { tensor: Tensor; index: number; negate?: boolean };

/**
 * The rows of a batch grouped by token, made on the host by `groupTokens`, so that gradients of an
 * embedding are summed in a fixed order without atomic additions.
 */
export interface TokenGroups {
  /**
   * int32 (≥ count): the distinct tokens, ascending; or rather the rows where a table's gradient has
   * them, which may have fewer rows than the table.
   */
  tokens: Tensor;
  /** int32 (≥ count + 1): where each token's rows start in `rows`. */
  starts: Tensor;
  /** int32 (N): row numbers, token by token, ascending within a token. */
  rows: Tensor;
  /** How many distinct tokens there are. */
  count: number;
}

/**
 * Decides on the device whether an operation takes effect: int32 (1). Where it is not 0, an
 * operation that is given it changes nothing. {@link Operations.checkFinite} sets it.
 */
export type Guard = Tensor;

/** The operations of a device. */
export interface Operations {
  /** x = 0; or half. */
  zero(args: { x: Tensor }): void;
  /** out = x, for equal sizes; both or half, of one type. */
  copy(args: { out: Tensor; x: Tensor }): void;
  /** out = epilogue(alpha · op(a)·op(b) + beta · c), for each matrix of a batch. */
  matmul(args: MatmulArgs): void;
  /**
   * {@link matmul} of each of `products`, one after the other. A device may take as one those of one
   * `a` in layout nt, those of one `b` in tn, and those of one `out` in nn, of which each after the
   * first has beta 1: `out` is then rounded and stored once.
   */
  matmulGroup(args: { products: readonly MatmulArgs[] }): void;

  /** out(N, C) = table(V, C)[ids(N)], table or half. */
  embedding(args: { out: Tensor; table: Tensor; ids: Tensor }): void;
  /** dtable(R, C)[token] += Σ of dout(N, C) over the token's rows; dtable or half. */
  embeddingBackward(args: { dtable: Tensor; dout: Tensor; groups: TokenGroups }): void;
  /**
   * nanochat's hash of a token and the one before, into `buckets` rows of which the last is for
   * tokens with none before: out_t = ((36313 · ids_t) xor (27191 · ids_{t−1})) mod (buckets − 1),
   * for out and ids int32 (B, T) and ids whose products need no more than 32 bits, see
   * {@link MOST_BIGRAM_TOKENS}. The token before the first is `previous` (B), a number of each row,
   * negative for none; each row's last token takes its place.
   */
  bigramIds(args: { out: Tensor; ids: Tensor; previous: Tensor; buckets: number }): void;

  /** out = x / sqrt(mean(x²) + eps) over the last dimension, eps = 2⁻²³, for x (N, C); out or half. */
  rmsNorm(args: { out: Tensor; x: Tensor }): void;
  /**
   * {@link combine} of x (N, C) and y, and normed = {@link rmsNorm} of what that gives; `out` may be
   * `x`, normed or half.
   */
  combineNorm(
    args: { out: Tensor; normed: Tensor; x: Tensor; y: Tensor; a: Coefficient; b: Coefficient },
  ): void;
  /** dx(N, C) += (or = unless `accumulate`) the gradient of {@link rmsNorm} at x for dout. */
  rmsNormBackward(args: { dx: Tensor; dout: Tensor; x: Tensor; accumulate?: boolean }): void;

  /**
   * out_t = x_t + lambda · sigmoid(gate · x_t[0:G]) · x_{t−1} for x (B, T, C), gate (1, G), lambda
   * (1). The row before the first is `previous` (B, C) if given, else there is none; nor is there one
   * before a row t with starts_t = t, if `starts` are given.
   */
  smear(
    args: {
      out: Tensor;
      x: Tensor;
      gate: Tensor;
      lambda: Tensor;
      previous?: Tensor;
      starts?: Tensor;
    },
  ): void;
  /** dx =, dgate +=, dlambda += the gradients of {@link smear} (without `previous`) for dout. */
  smearBackward(
    args: {
      dx: Tensor;
      dgate: Tensor;
      dlambda: Tensor;
      dout: Tensor;
      x: Tensor;
      gate: Tensor;
      lambda: Tensor;
      starts?: Tensor;
    },
  ): void;

  /** out = a·x + b·y, element by element. `out` may be `x`. */
  combine(args: { out: Tensor; x: Tensor; y: Tensor; a: Coefficient; b: Coefficient }): void;
  /**
   * For {@link combine}: dx = a·dout (`dx` may be `dout`), dy += b·dout (= with `overwriteDy`),
   * and where a (b) is a tensor's element, da[a.index] += Σ dout·x (db[b.index] += Σ dout·y),
   * negated where the coefficient is.
   */
  combineBackward(
    args: {
      dx: Tensor;
      dy: Tensor;
      da?: Tensor;
      db?: Tensor;
      dout: Tensor;
      x: Tensor;
      y: Tensor;
      a: Coefficient;
      b: Coefficient;
      overwriteDy?: boolean;
    },
  ): void;

  /**
   * v[n, h, :] += scale · sigmoid(gate[h] · x[n, 0:G]) · table[ids[n], h, :] for v (N, Hkv, D),
   * table (V, Hkv·D), ids int32 (N), x (N, C), gate (Hkv, G); scale is 3 unless given. v, table and
   * x or half.
   */
  addValueEmbedding(
    args: { v: Tensor; table: Tensor; ids: Tensor; x: Tensor; gate: Tensor; scale?: number },
  ): void;
  /**
   * dx[:, 0:G] +=, dgate +=, dtable += the gradients of {@link addValueEmbedding} for dv; dtable,
   * table and x or half.
   */
  addValueEmbeddingBackward(
    args: {
      dx: Tensor;
      dgate: Tensor;
      dtable: Tensor;
      dv: Tensor;
      table: Tensor;
      ids: Tensor;
      groups: TokenGroups;
      x: Tensor;
      gate: Tensor;
      scale?: number;
    },
  ): void;

  /**
   * In place on x (B, T, H, D), or half: rotates each head by position, then normalises and scales it.
   * With x1 and x2 the halves of a head, cos and sin (> t, D/2) at position t: r = (x1·cos + x2·sin,
   * −x1·sin + x2·cos); rstd = 1/sqrt(mean(r²) + 2⁻²³); x = scale · rstd · r. `rstd` (N, H) is kept
   * for the backward pass if given.
   */
  rotaryNorm(
    args: { x: Tensor; cos: Tensor; sin: Tensor; scale: number; rstd?: Tensor },
  ): void;
  /**
   * In place on dx: from the gradient for the output y, or half, of {@link rotaryNorm} to its input's.
   */
  rotaryNormBackward(
    args: { dx: Tensor; y: Tensor; rstd: Tensor; cos: Tensor; sin: Tensor; scale: number },
  ): void;

  /**
   * Causal softmax attention with scale 1/√D over q (B, T, H, D), k and v (B, T, Hkv, D): query t
   * sees keys s with 0 ≤ t−s ≤ window, and of those none before starts_t if `starts` are given; query
   * heads h·r … h·r+r−1 share kv head h (r = H/Hkv). out (B, T, H, D) =; lse (B, H, T) = log Σ exp of
   * the scaled scores. Tiled with an online softmax (Dao et al., FlashAttention-2): no T×T matrix is
   * stored. out, q, k and v or half, of one type; in float16 a device may multiply in it.
   */
  attention(args: AttentionArgs): void;
  /**
   * dq, dk, dv = gradients of {@link attention} for dout; `delta` (B, H, T) is a workspace. out, q, k
   * and v or half, of one type; in float16 a device may multiply in it, where gradients that do not
   * fit become infinite.
   */
  attentionBackward(
    args: AttentionArgs & { dq: Tensor; dk: Tensor; dv: Tensor; delta: Tensor; dout: Tensor },
  ): void;
  /**
   * Puts keys and values of new rows into caches: with p = positions[b] + t (positions int32 (B)),
   * q[b, t] = {@link rotaryNorm} of it at position p, in place; of `kCache`, row p of sequence b = the
   * same of k[b, t]; of `vCache`, v[b, t]; for q (B, T, H, D), k and v (B, T, Hkv, D). What k holds
   * afterwards is undefined. See {@link CacheArgs} for where a row lies.
   */
  appendCache(
    args: CacheArgs & { k: Tensor; v: Tensor; cos: Tensor; sin: Tensor; scale: number },
  ): void;
  /**
   * As {@link attention}, for queries (B, T, H, D) at absolute positions positions[b] + t over keys
   * and values in caches whose rows up to there are filled; see {@link CacheArgs}. What a query gives
   * does not depend on the other sequences, nor on which pages are whose.
   */
  attentionWithCache(args: CacheArgs & { out: Tensor; window: number }): void;

  /**
   * out[r] = x[index[start + r]] for out (R, C), x (N, C), index int32; out and x or half, of one type.
   */
  gatherRows(args: { out: Tensor; x: Tensor; index: Tensor; start?: number }): void;
  /**
   * out[index[start + r]] = x[r] for x (R, C), out (N, C), index int32 without repeats; out and x or
   * half, of one type.
   */
  scatterRows(args: { out: Tensor; x: Tensor; index: Tensor; start?: number }): void;
  /**
   * x[index[i]] += values[i], for x of any shape counted in elements, index int32 (≥ count) without
   * repeats, values (≥ count).
   */
  addElements(args: { x: Tensor; index: Tensor; values: Tensor; count: number }): void;
  /**
   * In place: x = cap · tanh(x / cap), but NaN where x is infinite: the cap must not hide that
   * weights are.
   */
  softcap(args: { x: Tensor; cap: number }): void;
  /**
   * Cross-entropy of softcapped logits. For logits (R, V) before the cap, of which the first
   * `vocabSize` columns count, z = cap·tanh(logits/cap): losses[start + r] = log Σ exp z[r] −
   * z[r, targets[start + r]]. With `gradientScale` the logits are then overwritten by
   * gradientScale · ∂losses[start + r]/∂logits (0 in padding columns), else left undefined.
   */
  softcapCrossEntropy(
    args: {
      losses: Tensor;
      logits: Tensor;
      targets: Tensor;
      start: number;
      vocabSize: number;
      cap: number;
      gradientScale?: number;
    },
  ): void;
  /** out[0] += scale · Σ x (or Σ x·weights); the sum is taken over all of x. */
  sum(args: { out: Tensor; x: Tensor; weights?: Tensor; scale: number }): void;
  /**
   * flag[0] = 1 where an element of x, or half, is NaN or infinite, else flag stays; flag is int32
   * (1).
   */
  checkFinite(args: { x: Tensor; flag: Guard }): void;

  /**
   * AdamW (Loshchilov & Hutter) on one tensor: p *= 1 − lr·weightDecay; m = lerp(m, g, 1−beta1);
   * v = lerp(v, g², 1−beta2); p −= lr/(1−beta1^step) · m / (sqrt(v/(1−beta2^step)) + eps). g is
   * multiplied by gradientScale, 1 unless given, first. p, g, m and v or half, each by itself.
   *
   * With `rows` int32 (V) for p (V, C), g is (R, C): that of row i of p is row rows_i of it, or zero
   * where rows_i is negative.
   */
  adamW(
    args: {
      p: Tensor;
      g: Tensor;
      m: Tensor;
      v: Tensor;
      lr: number;
      beta1: number;
      beta2: number;
      eps: number;
      weightDecay: number;
      step: number;
      gradientScale?: number;
      rows?: Tensor;
      guard?: Guard;
    },
  ): void;
  /**
   * momentum[slot] = lerp(momentum[slot], g, 1−mu); out[slot] = lerp(g, momentum[slot], mu), for g
   * (rows, cols), momentum and out (n, rows, cols). g is multiplied by gradientScale, 1 unless given,
   * first.
   */
  muonMomentum(
    args: {
      out: Tensor;
      momentum: Tensor;
      g: Tensor;
      slot: number;
      mu: number;
      gradientScale?: number;
      guard?: Guard;
    },
  ): void;
  /** In place, each matrix of x (n, rows, cols): x *= target / max(‖x‖_F · margin + eps, 1e-6). */
  frobeniusNormalize(args: { x: Tensor; target: number; margin: number; eps: number }): void;
  /**
   * In place, each matrix of x (n, rows, cols): every row is scaled by ‖x‖_F / sqrt(rows), the root
   * mean square of the rows' norms, over max(its norm, 1e-6).
   */
  equilibrateRows(args: { x: Tensor }): void;
  /**
   * Muon's variance reduction, in place on each matrix of x (n, rows, cols). With v = mean(x²) of
   * each row if rows ≥ cols (secondMomentum is (n, rows, 1)), else of each column ((n, 1, cols)),
   * and L the length averaged over: secondMomentum = lerp(secondMomentum, v, 1−beta2); step =
   * 1/sqrt(max(secondMomentum, 1e-10)); x *= step · sqrt(Σ v·L) / max(sqrt(Σ v·L·step²), 1e-10).
   */
  muonVarianceReduction(
    args: { x: Tensor; secondMomentum: Tensor; beta2: number; guard?: Guard },
  ): void;
  /** p −= lr·x[slot] + (x[slot]·p ≥ 0 ? lr·weightDecay·p : 0), for p (rows, cols). */
  cautiousUpdate(
    args: {
      p: Tensor;
      x: Tensor;
      slot: number;
      lr: number;
      weightDecay: number;
      guard?: Guard;
    },
  ): void;

  /**
   * Draws a token for each row, as its own choices say. In descending order of probability (the lower
   * index first among equals) topK, topP and minP each keep a prefix; of the kept tokens in index
   * order, the first whose cumulative probability exceeds uniform · (mass kept) is chosen. A row that
   * is no distribution gets `NOT_NUMBERS`. What a row gives does not depend on the others.
   */
  sample(args: SamplingArgs): void;
}
