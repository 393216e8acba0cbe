/** Arguments of every operation with every choice that reaches a kernel's text. */
import { PAGE_ROWS } from "../../lib/device/attention.ts";
import type { Operations } from "../../lib/device/operations.ts";
import { attended } from "../device/attended.ts";
import {
  floats,
  groupsOf,
  ints,
  packed,
  positive,
  random,
  Spec,
  type SpecifiedArgs,
} from "../device/check_operation.ts";

/** Every choice of one value for each name. */
function choices<T extends Record<string, readonly unknown[]>>(
  values: T,
): { [Name in keyof T]: T[Name][number] }[] {
  let all: Record<string, unknown>[] = [{}];
  for (const [name, options] of Object.entries(values)) {
    all = all.flatMap((choice) => options.map((value) => ({ ...choice, [name]: value })));
  }
  return all as { [Name in keyof T]: T[Name][number] }[];
}

const yesOrNo = [false, true] as const;

/** Columns that are whole vec4s, and others. */
const columns = [8, 7] as const;

/** Columns, and how they are kept. */
const kept = [
  { C: 8, dtype: "float32" },
  { C: 7, dtype: "float32" },
  { C: 8, dtype: "bfloat16" },
  { C: 8, dtype: "float16" },
] as const;

/** Sizes of heads, and how queries, keys and values are kept. */
const heads = [
  ...choices({ D: [20, 22, 64, 256], dtype: ["float32"] as const }),
  ...choices({ D: [20], dtype: ["bfloat16", "float16"] as const }),
];

/** Shapes of what attention works on. */
const B = 1, H = 2, Hkv = 1;

/** Rows of three tokens that are one text, and that are packed. */
const packings = [undefined, packed([[1, 2]], 3)] as const;

/** Rows of heads of every kind, and packed ones of whole vec4s and others. */
const rowsOfHeads = [
  ...choices({ head: heads, starts: [undefined] }),
  ...choices({ head: heads.slice(0, 2), starts: packings.slice(1) }),
].map(({ head, starts }) => ({ ...head, starts }));

/** A tensor's element as a coefficient. */
const coefficients = [1, { tensor: random([1]), index: 0 }] as const;

/** Without a guard, and with one. */
const guards = [undefined, ints([0])] as const;

function matmulVariants(): SpecifiedArgs<"matmul">[] {
  const epilogues = [undefined, "reluSquare", "reluSquareGradient"] as const;
  return choices({
    layout: ["nn", "nt", "tn"] as const,
    M: [1, 2, 3, 8, 40],
    N: [8, 7],
    // Whole steps of every kernel, and not; and so long that it is dealt to several workgroups.
    K: [64, 36, 33, 1060],
    addend: ["none", "out", "c"] as const,
    kind: epilogues,
    dtype: ["float32", "float16"] as const,
  }).filter(({ layout, M, N, K, dtype, addend }) => {
    const isWhole = N % 4 === 0 && K % 4 === 0 && (layout !== "tn" || M % 4 === 0);
    return (K < 1000 || M === 40) && (dtype === "float32" || isWhole && addend !== "none");
  }).map(({ layout, M, N, K, addend, kind, dtype }) => ({
    out: random([M, N], 1, dtype),
    a: random(layout === "tn" ? [K, M] : [M, K], 1, dtype),
    b: random(layout === "nt" ? [N, K] : [K, N], 1, dtype),
    layout,
    operands: dtype,
    beta: addend === "none" ? 0 : 1,
    c: addend === "c" ? random([M, N], 1, dtype) : undefined,
    epilogue: kind === undefined
      ? undefined
      : kind === "reluSquare"
      ? { kind }
      : { kind, activation: positive([M, N], 1, dtype) },
  }));
}

/** Three products that can be taken as one: of few rows, and of more. */
function groupVariants(): SpecifiedArgs<"matmulGroup">[] {
  const sizes = [256, 128, 128];
  return choices({ layout: ["nn", "nt", "tn"] as const, M: [1, 128], beta: [0, 1] })
    .map(({ layout, M, beta }) => {
      const [out, a, b] = [random([M, 128]), random([M, 128]), random([M, 128])];
      return {
        products: sizes.map((size, i) =>
          layout === "nt"
            ? { out: random([M, size]), a, b: random([size, 128]), layout, beta }
            : layout === "nn"
            ? { out, a: random([M, size]), b: random([size, 128]), layout, beta: i ? 1 : beta }
            : { out: random([size, 128]), a: random([M, size]), b, layout, beta }
        ),
      };
    });
}

/** What each operation is to be called with. */
export function operationVariants(): { [K in keyof Operations]: SpecifiedArgs<K>[] } {
  const ids = Int32Array.of(0, 1, 1);
  const settings = { lr: 0.1, beta1: 0.8, beta2: 0.9, eps: 1e-9, weightDecay: 0.1, step: 1 };
  return {
    zero: [{ x: random([3]) }],
    copy: [{ out: random([3]), x: random([3]) }],
    matmul: [
      ...matmulVariants(),
      {
        out: random([1, 128, 128]),
        a: random([1, 128, 64]),
        b: random([1, 128, 64]),
        layout: "nt",
        symmetric: true,
      },
    ],
    matmulGroup: groupVariants(),

    embedding: kept.map(({ C, dtype }) => ({
      out: random([3, C]),
      table: random([2, C], 1, dtype),
      ids: ints(ids),
    })),
    embeddingBackward: kept.map(({ C, dtype }) => ({
      dtable: random([2, C], 1, dtype),
      dout: random([3, C]),
      groups: groupsOf(ids, 2),
    })),
    bigramIds: [{ out: ints(ids), ids: ints(ids), previous: floats([1], [-1]), buckets: 10 }],
    addValueEmbedding: kept.map(({ C: D, dtype }) => ({
      v: random([3, Hkv, D], 1, dtype),
      table: random([2, Hkv * D], 1, dtype),
      ids: ints(ids),
      x: random([3, 8], 1, dtype),
      gate: random([Hkv, 4]),
    })),
    addValueEmbeddingBackward: kept.map(({ C: D, dtype }) => ({
      dx: random([3, 8]),
      dgate: random([Hkv, 4]),
      dtable: random([2, Hkv * D], 1, dtype),
      dv: random([3, Hkv, D]),
      table: random([2, Hkv * D], 1, dtype),
      ids: ints(ids),
      groups: groupsOf(ids, 2),
      x: random([3, 8], 1, dtype),
      gate: random([Hkv, 4]),
    })),

    rmsNorm: kept.map(({ C, dtype }) => ({ out: random([3, C], 1, dtype), x: random([3, C]) })),
    combineNorm: choices({ types: kept, a: coefficients, b: coefficients, inPlace: yesOrNo })
      .map(({ types: { C, dtype }, a, b, inPlace }) => {
        const x = random([3, C]);
        return {
          out: inPlace ? x : random([3, C]),
          normed: random([3, C], 1, dtype),
          x,
          y: random([3, C]),
          a,
          b,
        };
      }),
    rmsNormBackward: choices({ C: columns, accumulate: yesOrNo }).map(({ C, accumulate }) => ({
      dx: random([3, C]),
      dout: random([3, C]),
      x: random([3, C]),
      accumulate,
    })),
    rotaryNorm: choices({ half: kept, keep: yesOrNo })
      .map(({ half: { C: half, dtype }, keep }) => ({
        x: random([B, 3, H, 2 * half], 1, dtype),
        cos: random([3, half]),
        sin: random([3, half]),
        scale: 1,
        rstd: keep ? random([3, H]) : undefined,
      })),
    rotaryNormBackward: kept.map(({ C: half, dtype }) => ({
      dx: random([B, 3, H, 2 * half]),
      y: random([B, 3, H, 2 * half], 1, dtype),
      rstd: random([3, H]),
      cos: random([3, half]),
      sin: random([3, half]),
      scale: 1,
    })),
    smear: choices({ C: columns, continued: yesOrNo, starts: packings }).map((
      { C, continued, starts },
    ) => ({
      out: random([1, 3, C]),
      x: random([1, 3, C]),
      gate: random([1, 4]),
      lambda: random([1]),
      previous: continued ? random([1, C]) : undefined,
      starts,
    })),
    smearBackward: choices({ C: columns, starts: packings }).map(({ C, starts }) => ({
      dx: random([1, 3, C]),
      dgate: random([1, 4]),
      dlambda: random([1]),
      dout: random([1, 3, C]),
      x: random([1, 3, C]),
      gate: random([1, 4]),
      lambda: random([1]),
      starts,
    })),

    combine: choices({ C: columns, a: coefficients, b: coefficients, inPlace: yesOrNo })
      .map(({ C, a, b, inPlace }) => {
        const x = random([C]);
        return { out: inPlace ? x : random([C]), x, y: random([C]), a, b };
      }),
    combineBackward: choices({
      C: columns,
      a: coefficients,
      b: coefficients,
      da: yesOrNo,
      db: yesOrNo,
      inPlace: yesOrNo,
      overwriteDy: yesOrNo,
    }).map(({ C, a, b, da, db, inPlace, overwriteDy }) => {
      const dout = random([C]);
      return {
        dx: inPlace ? dout : random([C]),
        dy: random([C]),
        da: da ? random([1]) : undefined,
        db: db ? random([1]) : undefined,
        dout,
        x: random([C]),
        y: random([C]),
        a,
        b,
        overwriteDy,
      };
    }),
    softcap: columns.map((C) => ({ x: random([C]), cap: 15 })),
    sum: choices({ C: columns, weighted: yesOrNo }).map(({ C, weighted }) => ({
      out: random([1]),
      x: random([C]),
      weights: weighted ? random([C]) : undefined,
      scale: 1,
    })),

    checkFinite: kept.map(({ C, dtype }) => ({ x: random([C], 1, dtype), flag: ints([0]) })),

    attention: rowsOfHeads.map(({ D, dtype, starts }) => ({
      out: random([B, 3, H, D], 1, dtype),
      lse: random([B, H, 3]),
      q: random([B, 3, H, D], 1, dtype),
      k: random([B, 3, Hkv, D], 1, dtype),
      v: random([B, 3, Hkv, D], 1, dtype),
      window: 3,
      starts,
    })),
    attentionBackward: rowsOfHeads.map(({ D, dtype, starts }) => {
      const q = random([B, 3, H, D], 1, dtype);
      const [k, v] = [1, 2].map(() => random([B, 3, Hkv, D], 1, dtype));
      return {
        dq: random([B, 3, H, D]),
        dk: random([B, 3, Hkv, D]),
        dv: random([B, 3, Hkv, D]),
        delta: random([B, H, 3]),
        dout: random([B, 3, H, D]),
        ...attended(q, k, v, 3, starts),
        q,
        k,
        v,
        window: 3,
        starts,
      };
    }),
    attentionWithCache: [
      ...choices({ head: heads, T: [1, 40], N: [1] }),
      // More keys than are read at once.
      ...choices({ head: heads, T: [1], N: [5] }),
      ...choices({
        head: [260, 258].map((D) => ({ D, dtype: "float32" as const })),
        T: [1],
        N: [1],
      }),
    ].map(({ head: { D, dtype }, T, N }) => ({
      out: random([B, T, H, D], 1, dtype),
      q: random([B, T, H, D], 1, dtype),
      kCache: random([N, PAGE_ROWS, Hkv, D], 1, dtype),
      vCache: random([N, PAGE_ROWS, Hkv, D], 1, dtype),
      pages: new Spec([B, N], Int32Array.from({ length: N }, (_, n) => N - 1 - n)),
      positions: ints([0]),
      window: N * PAGE_ROWS,
    })),
    appendCache: kept.map(({ C: D, dtype }) => ({
      q: random([B, 1, H, 2 * D], 1, dtype),
      k: random([B, 1, Hkv, 2 * D], 1, dtype),
      v: random([B, 1, Hkv, 2 * D], 1, dtype),
      kCache: random([2, PAGE_ROWS, Hkv, 2 * D], 1, dtype),
      vCache: random([2, PAGE_ROWS, Hkv, 2 * D], 1, dtype),
      pages: new Spec([B, 1], Int32Array.of(1)),
      positions: ints([0]),
      cos: random([5, D]),
      sin: random([5, D]),
      scale: 1,
    })),
    gatherRows: kept.map(({ C, dtype }) => ({
      out: random([1, C], 1, dtype),
      x: random([3, C], 1, dtype),
      index: ints([2]),
    })),
    scatterRows: kept.map(({ C, dtype }) => ({
      out: random([3, C], 1, dtype),
      x: random([1, C], 1, dtype),
      index: ints([2]),
    })),
    addElements: [{ x: random([3]), index: ints([2, 0]), values: random([2]), count: 2 }],

    softcapCrossEntropy: choices({ V: columns, gradientScale: [undefined, 1] })
      .map(({ V, gradientScale }) => ({
        losses: random([3]),
        logits: random([3, V]),
        targets: ints(ids),
        start: 0,
        vocabSize: 5,
        cap: 15,
        gradientScale,
      })),
    sample: [8, 5000].map((V) => ({
      out: ints([0]),
      logits: random([1, V]),
      vocabSize: V,
      uniforms: random([1]),
      choices: floats([1, 4], [1, 5, 0.9, 0.1]),
      mostTopK: 5,
    })),

    adamW: choices({ types: kept, guard: guards, isCompact: yesOrNo })
      .map(({ types: { C, dtype }, guard, isCompact }) => ({
        p: random([3, C], 1, dtype),
        g: random([isCompact ? 2 : 3, C], 1, dtype),
        m: random([3, C], 1, dtype),
        v: positive([3, C], 1, dtype),
        rows: isCompact ? ints([1, -1, 0]) : undefined,
        ...settings,
        guard,
      })),
    muonMomentum: choices({ C: columns, guard: guards }).map(({ C, guard }) => ({
      out: random([1, 3, C]),
      momentum: random([1, 3, C]),
      g: random([3, C]),
      slot: 0,
      mu: 0.9,
      guard,
    })),
    cautiousUpdate: choices({ C: columns, guard: guards }).map(({ C, guard }) => ({
      p: random([3, C]),
      x: random([1, 3, C]),
      slot: 0,
      lr: 0.1,
      weightDecay: 0.1,
      guard,
    })),
    frobeniusNormalize: columns.map((C) => ({
      x: random([1, 3, C]),
      target: 1,
      margin: 1,
      eps: 1e-6,
    })),
    equilibrateRows: columns.map((C) => ({ x: random([1, 3, C]) })),
    muonVarianceReduction: choices({ rows: [3, 9], C: columns, guard: guards })
      .map(({ rows, C, guard }) => ({
        x: random([1, rows, C]),
        secondMomentum: positive(rows >= C ? [1, rows, 1] : [1, 1, C]),
        beta2: 0.9,
        guard,
      })),
  };
}
