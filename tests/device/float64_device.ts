/**
 * A device that follows the contract of `lib/device/operations.ts` formula by formula, in float64
 * and without a thought for speed: what the real devices are compared with, and where the model's
 * gradients are checked by finite differences.
 */
import type {
  Coefficient,
  Device,
  DType,
  Operations,
  Readback,
  Tensor,
} from "../../lib/device/mod.ts";
import { matmulSizes, rowsOf } from "../../lib/device/shapes.ts";
import { sizeOf } from "../../lib/shapes.ts";
import * as attention from "./float64_attention.ts";
import * as optim from "./float64_optim.ts";
import { data, Float64Tensor } from "./float64_tensor.ts";

type Args<K extends keyof Operations> = Parameters<Operations[K]>[0];

const EPS = 2 ** -23;
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const meanSquare = (x: Float64Array) => x.reduce((sum, e) => sum + e * e, 0) / x.length;
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, e, i) => sum + e * b[i], 0);
const value = (c: Coefficient) => c === 1 ? 1 : data(c.tensor)[c.index] * (c.negate ? -1 : 1);

/** Rows of the last dimension. */
function rows(tensor: Tensor): Float64Array[] {
  const [n, columns] = rowsOf(tensor);
  const all = data(tensor);
  return Array.from({ length: n }, (_, i) => all.subarray(i * columns, (i + 1) * columns));
}

export class Float64Device implements Device {
  readonly kind = "float64";
  readonly name = "float64 loops";
  readonly memory = { used: 0, peak: 0 };

  allocate(name: string, shape: readonly number[], dtype: DType = "float32"): Float64Tensor {
    return new Float64Tensor(name, [...shape], dtype, new Float64Array(sizeOf(shape)));
  }
  view(tensor: Tensor, shape: readonly number[]): Float64Tensor {
    const { name, dtype, data } = tensor as Float64Tensor;
    if (sizeOf(shape) > tensor.size) throw new RangeError(`view of ${name} is larger than it`);
    return new Float64Tensor(name, [...shape], dtype, data);
  }
  free(): void {}
  write(tensor: Tensor, values: ArrayLike<number>, offset = 0): void {
    data(tensor).set(values, offset);
  }
  stage(tensor: Tensor, offset = 0, count = tensor.size - offset): Readback {
    const copy = data(tensor).slice(offset, offset + count);
    const values = tensor.dtype === "int32" ? Int32Array.from(copy) : Float32Array.from(copy);
    return { values: () => Promise.resolve(values) };
  }
  read(tensor: Tensor, offset?: number, count?: number): Promise<Float32Array | Int32Array> {
    return this.stage(tensor, offset, count).values();
  }
  submit(): void {}
  synchronize(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }

  zero({ x }: Args<"zero">): void {
    data(x).fill(0);
  }
  copy({ out, x }: Args<"copy">): void {
    data(out).set(data(x));
  }
  matmul(args: Args<"matmul">): void {
    const { batch, M, N, K } = matmulSizes(args);
    const { layout, alpha = 1, beta = 0, epilogue } = args;
    const [out, a, b] = [args.out, args.a, args.b].map(data);
    const c = data(args.c ?? args.out);
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < M; i++) {
        for (let j = 0; j < N; j++) {
          let sum = 0;
          for (let k = 0; k < K; k++) {
            const ai = n * M * K + (layout === "tn" ? k * M + i : i * K + k);
            const bi = n * K * N + (layout === "nt" ? j * K + k : k * N + j);
            sum += a[ai] * b[bi];
          }
          const at = n * M * N + i * N + j;
          let y = alpha * sum + (beta === 0 ? 0 : beta * c[at]);
          if (epilogue?.kind === "reluSquare") y = Math.max(0, y) ** 2;
          if (epilogue?.kind === "reluSquareGradient") {
            y *= 2 * Math.sqrt(data(epilogue.activation)[at]);
          }
          out[at] = y;
        }
      }
    }
  }
  matmulGroup({ products }: Args<"matmulGroup">): void {
    for (const product of products) this.matmul(product);
  }

  embedding({ out, table, ids }: Args<"embedding">): void {
    const from = rows(table);
    rows(out).forEach((row, n) => row.set(from[data(ids)[n]]));
  }
  embeddingBackward({ dtable, dout, groups }: Args<"embeddingBackward">): void {
    const [tokens, starts, order] = [groups.tokens, groups.starts, groups.rows].map(data);
    const to = rows(dtable), from = rows(dout);
    for (let g = 0; g < groups.count; g++) {
      for (let i = starts[g]; i < starts[g + 1]; i++) {
        from[order[i]].forEach((e, c) => to[tokens[g]][c] += e);
      }
    }
  }
  bigramIds({ out, ids, previous, buckets }: Args<"bigramIds">): void {
    const last = data(previous), T = ids.size / last.length, mod = BigInt(buckets - 1);
    last.forEach((first, b) => {
      const before = [first, ...data(ids).subarray(b * T, (b + 1) * T)];
      before.slice(1).forEach((id, t) => {
        // nanochat's tokens are int64.
        const hash = BigInt(36313 * id) ^ BigInt(27191 * before[t]);
        data(out)[b * T + t] = before[t] < 0 ? buckets - 1 : Number(hash % mod);
      });
      last[b] = before[T];
    });
  }

  rmsNorm({ out, x }: Args<"rmsNorm">): void {
    const from = rows(x);
    rows(out).forEach((row, n) => {
      const scale = 1 / Math.sqrt(meanSquare(from[n]) + EPS);
      from[n].forEach((e, c) => row[c] = e * scale);
    });
  }
  combineNorm({ normed, ...sum }: Args<"combineNorm">): void {
    this.combine(sum);
    this.rmsNorm({ out: normed, x: sum.out });
  }
  rmsNormBackward({ dx, dout, x, accumulate }: Args<"rmsNormBackward">): void {
    const xs = rows(x), douts = rows(dout);
    rows(dx).forEach((row, n) => {
      const r = 1 / Math.sqrt(meanSquare(xs[n]) + EPS);
      const mean = dot(douts[n], xs[n]) / row.length;
      xs[n].forEach((e, c) => {
        row[c] = (accumulate ? row[c] : 0) + r * (douts[n][c] - e * r * r * mean);
      });
    });
  }

  smear({ out, x, gate, lambda, previous, starts }: Args<"smear">): void {
    const T = x.shape[1], G = gate.size;
    const xs = rows(x);
    rows(out).forEach((row, n) => {
      const t = n % T, isFirst = starts && data(starts)[n] === t;
      const before = isFirst ? undefined : t > 0 ? xs[n - 1] : previous && rows(previous)[n / T];
      const s = data(lambda)[0] * sigmoid(dot(data(gate), xs[n].subarray(0, G)));
      xs[n].forEach((e, c) => row[c] = e + (before ? s * before[c] : 0));
    });
  }
  smearBackward(args: Args<"smearBackward">): void {
    const { dx, dgate, dlambda, dout, x, gate, lambda, starts } = args;
    const T = x.shape[1], G = gate.size, w = data(gate), l = data(lambda)[0];
    const xs = rows(x), douts = rows(dout), dxs = rows(dx);
    data(dx).set(data(dout));
    xs.forEach((row, n) => {
      if (n % T === (starts ? data(starts)[n] : 0)) return;
      const s = sigmoid(dot(w, row.subarray(0, G)));
      const inner = dot(douts[n], xs[n - 1]);
      data(dlambda)[0] += s * inner;
      for (let i = 0; i < G; i++) {
        data(dgate)[i] += l * s * (1 - s) * inner * row[i];
        dxs[n][i] += l * s * (1 - s) * inner * w[i];
      }
      douts[n].forEach((e, c) => dxs[n - 1][c] += l * s * e);
    });
  }

  combine({ out, x, y, a, b }: Args<"combine">): void {
    const [o, xs, ys] = [out, x, y].map(data);
    const ca = value(a), cb = value(b);
    for (let i = 0; i < o.length; i++) o[i] = ca * xs[i] + cb * ys[i];
  }
  combineBackward(args: Args<"combineBackward">): void {
    const { a, b, da, db } = args;
    const [dout, x, y, dx, dy] = [args.dout, args.x, args.y, args.dx, args.dy].map(data);
    const ca = value(a), cb = value(b);
    if (a !== 1 && da) data(da)[a.index] += dot(dout, x) * (a.negate ? -1 : 1);
    if (b !== 1 && db) data(db)[b.index] += dot(dout, y) * (b.negate ? -1 : 1);
    for (let i = 0; i < dx.length; i++) {
      dy[i] = (args.overwriteDy ? 0 : dy[i]) + cb * dout[i];
      dx[i] = ca * dout[i];
    }
  }

  addValueEmbedding({ v, table, ids, x, gate, scale = 3 }: Args<"addValueEmbedding">): void {
    const [Hkv, G] = gate.shape, D = rowsOf(v)[1];
    const heads = rows(v), from = rows(table), gates = rows(gate);
    rows(x).forEach((row, n) => {
      for (let h = 0; h < Hkv; h++) {
        const s = scale * sigmoid(dot(gates[h], row.subarray(0, G)));
        const e = from[data(ids)[n]];
        for (let d = 0; d < D; d++) heads[n * Hkv + h][d] += s * e[h * D + d];
      }
    });
  }
  addValueEmbeddingBackward(args: Args<"addValueEmbeddingBackward">): void {
    const { dx, dgate, dtable, dv, table, ids, groups, x, gate, scale = 3 } = args;
    const [Hkv, G] = gate.shape, D = rowsOf(dv)[1];
    const heads = rows(dv), from = rows(table), gates = rows(gate), dgates = rows(dgate);
    const dxs = rows(dx), dtables = rows(dtable);
    const [tokens, starts, order] = [groups.tokens, groups.starts, groups.rows].map(data);
    /** The row of dtable that row n adds to. */
    const places = new Map<number, number>();
    for (let g = 0; g < groups.count; g++) {
      for (let i = starts[g]; i < starts[g + 1]; i++) places.set(order[i], tokens[g]);
    }
    rows(x).forEach((row, n) => {
      const id = data(ids)[n];
      for (let h = 0; h < Hkv; h++) {
        const s = sigmoid(dot(gates[h], row.subarray(0, G)));
        const head = heads[n * Hkv + h];
        const inner = scale * s * (1 - s) * dot(head, from[id].subarray(h * D, (h + 1) * D));
        for (let i = 0; i < G; i++) {
          dgates[h][i] += inner * row[i];
          dxs[n][i] += inner * gates[h][i];
        }
        for (let d = 0; d < D; d++) dtables[places.get(n)!][h * D + d] += scale * s * head[d];
      }
    });
  }

  rotaryNorm(args: Args<"rotaryNorm">): void {
    this.#rotate(args);
  }
  appendCache({ q, k, v, kCache, vCache, ...rest }: Args<"appendCache">): void {
    for (const x of [q, k]) this.#rotate({ x, ...rest });
    attention.appendCache(kCache, k, rest);
    attention.appendCache(vCache, v, rest);
  }
  #rotate(
    { x, cos, sin, scale, rstd, positions }: Args<"rotaryNorm"> & { positions?: Tensor },
  ): void {
    const [, T, H, D] = x.shape, half = D / 2;
    const c = rows(cos), s = rows(sin);
    rows(x).forEach((row, i) => {
      const n = Math.floor(i / H);
      const p = (positions ? data(positions)[Math.floor(n / T)] : 0) + n % T;
      for (let j = 0; j < half; j++) {
        const [x1, x2] = [row[j], row[j + half]];
        row[j] = x1 * c[p][j] + x2 * s[p][j];
        row[j + half] = -x1 * s[p][j] + x2 * c[p][j];
      }
      const r = 1 / Math.sqrt(meanSquare(row) + EPS);
      if (rstd) data(rstd)[i] = r;
      row.forEach((e, j) => row[j] = e * r * scale);
    });
  }
  rotaryNormBackward({ dx, y, rstd, cos, sin, scale }: Args<"rotaryNormBackward">): void {
    const [, T, H, D] = y.shape, half = D / 2;
    const c = rows(cos), s = rows(sin), ys = rows(y);
    rows(dx).forEach((row, i) => {
      const p = Math.floor(i / H) % T, r = data(rstd)[i];
      const mean = dot(row, ys[i]) / D / (scale * scale);
      row.forEach((e, j) => row[j] = r * scale * (e - ys[i][j] * mean));
      for (let j = 0; j < half; j++) {
        const [d1, d2] = [row[j], row[j + half]];
        row[j] = d1 * c[p][j] - d2 * s[p][j];
        row[j + half] = d1 * s[p][j] + d2 * c[p][j];
      }
    });
  }

  gatherRows({ out, x, index, start = 0 }: Args<"gatherRows">): void {
    const from = rows(x);
    rows(out).forEach((row, r) => row.set(from[data(index)[start + r]]));
  }
  scatterRows({ out, x, index, start = 0 }: Args<"scatterRows">): void {
    const to = rows(out);
    rows(x).forEach((row, r) => to[data(index)[start + r]].set(row));
  }
  addElements({ x, index, values, count }: Args<"addElements">): void {
    for (let i = 0; i < count; i++) data(x)[data(index)[i]] += data(values)[i];
  }
  softcap({ x, cap }: Args<"softcap">): void {
    data(x).forEach((e, i, all) => all[i] = Number.isFinite(e) ? cap * Math.tanh(e / cap) : NaN);
  }
  softcapCrossEntropy(args: Args<"softcapCrossEntropy">): void {
    const { losses, logits, targets, start, vocabSize, cap, gradientScale } = args;
    rows(logits).forEach((row, r) => {
      const target = data(targets)[start + r];
      const t = row.slice(0, vocabSize).map((e) => Math.tanh(e / cap));
      const total = t.reduce((sum, e) => sum + Math.exp(cap * (e - 1)), 0);
      data(losses)[start + r] = cap + Math.log(total) - cap * t[target];
      if (gradientScale === undefined) return;
      row.fill(0);
      t.forEach((e, j) => {
        const p = Math.exp(cap * (e - 1)) / total - (j === target ? 1 : 0);
        row[j] = gradientScale * p * (1 - e * e);
      });
    });
  }
  sum({ out, x, weights, scale }: Args<"sum">): void {
    const w = weights && data(weights);
    data(out)[0] += scale * data(x).reduce((sum, e, i) => sum + e * (w?.[i] ?? 1), 0);
  }

  checkFinite({ x, flag }: Args<"checkFinite">): void {
    if (!data(x).every(Number.isFinite)) data(flag)[0] = 1;
  }

  readonly attention = attention.attention;
  readonly attentionBackward = attention.attentionBackward;
  readonly attentionWithCache = attention.attentionWithCache;
  readonly adamW = optim.adamW;
  readonly muonMomentum = optim.muonMomentum;
  readonly frobeniusNormalize = optim.frobeniusNormalize;
  readonly equilibrateRows = optim.equilibrateRows;
  readonly muonVarianceReduction = optim.muonVarianceReduction;
  readonly cautiousUpdate = optim.cautiousUpdate;
  readonly sample = optim.sample;
}
