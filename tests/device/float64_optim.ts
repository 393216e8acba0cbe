/** The optimizers' operations and sampling in float64. */
import type { Operations, Tensor } from "../../lib/device/mod.ts";
import { NOT_NUMBERS } from "../../lib/device/sampling.ts";
import { data } from "./float64_tensor.ts";

type Args<K extends keyof Operations> = Parameters<Operations[K]>[0];

const lerp = (a: number, b: number, w: number) => a + (b - a) * w;

/** The matrices of a stack (n, rows, cols). */
function matrices(x: Tensor): { rows: number; cols: number; of: Float64Array[] } {
  const [n, rows, cols] = x.shape;
  const size = rows * cols;
  const all = data(x);
  const of = Array.from({ length: n }, (_, i) => all.subarray(i * size, (i + 1) * size));
  return { rows, cols, of };
}

const norm = (x: Float64Array) => Math.sqrt(x.reduce((sum, e) => sum + e * e, 0));

/** Whether a guard is there and not 0. */
const isSet = (guard: Tensor | undefined) => guard !== undefined && data(guard)[0] !== 0;

export function adamW(args: Args<"adamW">): void {
  if (isSet(args.guard)) return;
  const [p, g, m, v] = [args.p, args.g, args.m, args.v].map(data);
  const { lr, beta1, beta2, eps, weightDecay, step, gradientScale = 1 } = args;
  const C = args.p.shape.at(-1)!, rows = args.rows && data(args.rows);
  const gradientOf = (i: number) => {
    if (!rows) return g[i];
    const row = rows[Math.floor(i / C)];
    return row < 0 ? 0 : g[row * C + i % C];
  };
  const bias1 = 1 - beta1 ** step, bias2 = 1 - beta2 ** step;
  for (let i = 0; i < p.length; i++) {
    const gradient = gradientScale * gradientOf(i);
    m[i] = lerp(m[i], gradient, 1 - beta1);
    v[i] = lerp(v[i], gradient * gradient, 1 - beta2);
    p[i] = p[i] * (1 - lr * weightDecay) - lr / bias1 * m[i] / (Math.sqrt(v[i] / bias2) + eps);
  }
}

export function muonMomentum(args: Args<"muonMomentum">): void {
  const { out, momentum, g, slot, mu, gradientScale = 1, guard } = args;
  if (isSet(guard)) return;
  const m = matrices(momentum).of[slot], x = matrices(out).of[slot], grad = data(g);
  for (let i = 0; i < m.length; i++) {
    const gradient = gradientScale * grad[i];
    m[i] = lerp(m[i], gradient, 1 - mu);
    x[i] = lerp(gradient, m[i], mu);
  }
}

export function frobeniusNormalize(
  { x, target, margin, eps }: Args<"frobeniusNormalize">,
): void {
  for (const matrix of matrices(x).of) {
    const scale = target / Math.max(norm(matrix) * margin + eps, 1e-6);
    matrix.forEach((e, i) => matrix[i] = e * scale);
  }
}

export function equilibrateRows({ x }: Args<"equilibrateRows">): void {
  const { rows, cols, of } = matrices(x);
  for (const matrix of of) {
    const lines = Array.from({ length: rows }, (_, r) => matrix.subarray(r * cols, (r + 1) * cols));
    const norms = lines.map(norm);
    const goal = Math.hypot(...norms) / Math.sqrt(rows);
    lines.forEach((line, r) => {
      for (let c = 0; c < cols; c++) line[c] *= goal / Math.max(norms[r], 1e-6);
    });
  }
}

export function muonVarianceReduction(
  { x, secondMomentum, beta2, guard }: Args<"muonVarianceReduction">,
): void {
  if (isSet(guard)) return;
  const { rows, cols, of } = matrices(x);
  const alongColumns = rows >= cols;
  const kept = alongColumns ? rows : cols, n = alongColumns ? cols : rows;
  of.forEach((matrix, slot) => {
    const s = data(secondMomentum).subarray(slot * kept, (slot + 1) * kept);
    const v = new Float64Array(kept);
    const line = (i: number) => alongColumns ? Math.floor(i / cols) : i % cols;
    matrix.forEach((e, i) => v[line(i)] += e * e / n);
    v.forEach((e, i) => s[i] = lerp(s[i], e, 1 - beta2));
    const step = s.map((e) => 1 / Math.sqrt(Math.max(e, 1e-10)));
    const before = Math.sqrt(v.reduce((sum, e) => sum + e * n, 0));
    const after = Math.sqrt(v.reduce((sum, e, i) => sum + e * n * step[i] ** 2, 0));
    const scale = before / Math.max(after, 1e-10);
    matrix.forEach((e, i) => matrix[i] = e * step[line(i)] * scale);
  });
}

export function cautiousUpdate(args: Args<"cautiousUpdate">): void {
  if (isSet(args.guard)) return;
  const p = data(args.p), x = matrices(args.x).of[args.slot];
  for (let i = 0; i < p.length; i++) {
    const decay = x[i] * p[i] >= 0 ? args.lr * args.weightDecay * p[i] : 0;
    p[i] -= args.lr * x[i] + decay;
  }
}

export function sample(args: Args<"sample">): void {
  const [out, logits, uniforms, choices] = [args.out, args.logits, args.uniforms, args.choices]
    .map(data);
  const columns = args.logits.shape[args.logits.shape.length - 1];
  for (let b = 0; b < out.length; b++) {
    const [temperature, topK, topP, minP] = choices.subarray(4 * b);
    const row = Array.from(logits.subarray(b * columns, b * columns + args.vocabSize));
    if (row.some((z) => !(z < Infinity)) || row.every((z) => z === -Infinity)) {
      out[b] = NOT_NUMBERS;
      continue;
    }
    const order = row.map((_, i) => i).sort((i, j) => row[j] - row[i] || i - j);
    if (temperature === 0) {
      out[b] = order[0];
      continue;
    }
    const weight = row.map((z) => Math.exp((z - row[order[0]]) / temperature));
    const mass = (ids: number[]) => ids.reduce((sum, i) => sum + weight[i], 0);
    let kept = topK > 0 ? order.slice(0, topK) : order;
    const total = mass(kept);
    let prefix = 0, reached = 0;
    while (prefix < kept.length && reached < topP * total) reached += weight[kept[prefix++]];
    kept = kept.slice(0, Math.max(1, prefix)).filter((i) => weight[i] >= minP);
    kept.sort((i, j) => i - j);
    const threshold = uniforms[b] * mass(kept);
    let cumulative = 0;
    out[b] = kept.find((i) => (cumulative += weight[i]) > threshold) ?? kept[kept.length - 1];
  }
}
