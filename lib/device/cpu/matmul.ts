/**
 * Products of matrices.
 *
 * @module
 */
import type { MatmulArgs, Operations } from "../operations.ts";
import { matmulSizes } from "../shapes.ts";
import type { Blas } from "./blas.ts";
import type { Pool } from "./pool.ts";
import { at, isBfloat16, weightsAt } from "./tensor.ts";

/** Up to this many rows a product reads b as it lies; from more on, packing it first pays. */
const MOST_VECTOR_ROWS = 64;

/** Multiply-adds of one matrix from which calling a BLAS library pays. */
const BLAS_FROM = 1 << 20;

const EPILOGUES = { reluSquare: 1, reluSquareGradient: 2 };

/**
 * {@link Operations.matmul} in WebAssembly.
 *
 * @param blas Takes the large products, if given.
 */
export function matmulOperations(
  pool: Pool,
  blas?: Blas,
): Pick<Operations, "matmul" | "matmulGroup"> {
  const matmul = pool.kernel("matmul");
  const matvec = pool.kernel("matvec");
  const packedBytes = pool.kernel("packedBytes");
  const copy = pool.kernel("copy");
  const applyEpilogue = pool.kernel("epilogue");
  pool.reserveWorkspace(pool.kernel("matmulWorkspace")() >>> 0);

  const multiply = (args: MatmulArgs) => {
    const { batch, M, N, K } = matmulSizes(args);
    const { layout, alpha = 1, beta = 0, symmetric = false, epilogue } = args;
    const [out, a, c] = [args.out, args.a, args.c ?? args.out].map(at);
    const [transposeA, transposeB] = [layout === "tn", layout === "nt"];
    const bfloat16 = transposeB && isBfloat16(args.b);
    const b = bfloat16 ? weightsAt(args.b) : at(args.b);
    const activation = epilogue?.kind === "reluSquareGradient" ? at(epilogue.activation) : 0;
    if (M <= MOST_VECTOR_ROWS && transposeB && batch === 1 && activation === 0) {
      matvec(out, a, b, c, M, N, K, alpha, beta, epilogue !== undefined, bfloat16);
    } else if (blas && !bfloat16 && M * N * K >= BLAS_FROM) {
      if (beta !== 0 && c !== out) copy(out, c, batch * M * N);
      for (let i = 0; i < batch; i++) {
        const matrices = { a: a + 4 * i * M * K, b: b + 4 * i * K * N, c: out + 4 * i * M * N };
        blas.gemm({ M, N, K, transposeA, transposeB, alpha, beta, ...matrices });
      }
      if (epilogue) applyEpilogue(out, activation, batch * M * N);
    } else {
      const packed = pool.sharedBuffer(packedBytes(N, K) >>> 0);
      const kind = epilogue ? EPILOGUES[epilogue.kind] : 0;
      const matrices = [out, a, b, c, activation, packed];
      const flags = [transposeA, transposeB, kind, symmetric];
      matmul(...matrices, batch, M, N, K, ...flags, alpha, beta, bfloat16);
    }
  };
  return {
    matmul(args) {
      multiply(args);
    },
    matmulGroup({ products }) {
      products.forEach(multiply);
    },
  };
}
