/**
 * Products of matrices.
 *
 * @module
 */
import type { MatmulArgs, Operations } from "../operations.ts";
import { matmulSizes } from "../shapes.ts";
import type { Pool } from "./pool.ts";
import { at } from "./tensor.ts";

/** Bytes a thread needs: a tile, and 16 panels of 8 rows and 256 terms. */
const WORKSPACE = 512 + 16 * (4 * 8 * 256 + 64);
/** Up to this many rows a product reads b as it lies; from more on, packing it first pays. */
const MOST_VECTOR_ROWS = 16;

const EPILOGUES = { reluSquare: 1, reluSquareGradient: 2 };

/** {@link Operations.matmul} in WebAssembly. */
export function matmulOperations(pool: Pool): Pick<Operations, "matmul"> {
  const matmul = pool.kernel("matmul");
  const matvec = pool.kernel("matvec");
  const packedBytes = pool.kernel("packedBytes");
  pool.reserveWorkspace(WORKSPACE);

  return {
    matmul: (args: MatmulArgs) => {
      const { batch, M, N, K } = matmulSizes(args);
      const { layout, alpha = 1, beta = 0, epilogue } = args;
      const [out, a, b, c] = [args.out, args.a, args.b, args.c ?? args.out].map(at);
      const isGradient = epilogue?.kind === "reluSquareGradient";
      if (M <= MOST_VECTOR_ROWS && layout === "nt" && batch === 1 && !isGradient) {
        matvec(out, a, b, c, M, N, K, alpha, beta, epilogue !== undefined);
        return;
      }
      const activation = isGradient ? at(epilogue.activation) : 0;
      const packed = pool.sharedBuffer(packedBytes(N) >>> 0);
      const kind = epilogue ? EPILOGUES[epilogue.kind] : 0;
      const matrices = [out, a, b, c, activation, packed];
      const transposes = [layout === "tn", layout === "nt"];
      matmul(...matrices, batch, M, N, K, ...transposes, kind, alpha, beta);
    },
  };
}
