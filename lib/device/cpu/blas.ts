/**
 * Handing large products to a BLAS library that is installed, through Deno's foreign functions.
 * The library works on the shared memory itself; nothing is copied.
 *
 * @module
 */
import { UserError } from "../../errors.ts";

/** Where an `auto` search looks, by operating system. */
const CANDIDATES: Partial<Record<typeof Deno.build.os, readonly string[]>> = {
  darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate"],
  linux: ["libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so"],
  windows: ["libopenblas.dll", "openblas.dll", "mkl_rt.2.dll"],
};

const SYMBOLS = {
  // deno-fmt-ignore
  cblas_sgemm: {
    parameters: [
      "i32", "i32", "i32", // order of rows, and whether a and b are transposed
      "i32", "i32", "i32", // M, N, K
      "f32", "u64", "i32", "u64", "i32", // alpha, a and its row length, b and its row length
      "f32", "u64", "i32", // beta, c and its row length
    ],
    result: "void",
  },
  openblas_set_num_threads: { parameters: ["i32"], result: "void", optional: true },
  MKL_Set_Num_Threads: { parameters: ["i32"], result: "void", optional: true },
} as const;

/** A product c = alpha · op(a)·op(b) + beta · c; a, b and c are addresses in the shared memory. */
export interface Gemm {
  /** Rows of c. */
  M: number;
  /** Columns of c. */
  N: number;
  /** Length of the inner dimension. */
  K: number;
  /** Whether a is stored (K, M). */
  transposeA: boolean;
  /** Whether b is stored (N, K). */
  transposeB: boolean;
  /** Scale of the product. */
  alpha: number;
  /** Address of a. */
  a: number;
  /** Address of b. */
  b: number;
  /** Scale of what c holds; 0 leaves it unread. */
  beta: number;
  /** Address of c. */
  c: number;
}

/** A loaded BLAS library. */
export interface Blas {
  /** The file it was loaded from. */
  readonly path: string;
  /** Multiplies. */
  gemm(args: Gemm): void;
  /** Unloads the library. */
  close(): void;
}

/**
 * Loads a BLAS library.
 *
 * @param choice `auto` takes the first of the usual ones that loads, if any does; else a path.
 * @param memory The memory that addresses are counted from.
 * @param threads How many threads the library may use, if it lets itself be told.
 * @throws {UserError} when the library at the path cannot be loaded or has no `cblas_sgemm`.
 */
export function loadBlas(
  choice: string,
  memory: WebAssembly.Memory,
  threads: number,
): Blas | undefined {
  const paths = choice === "auto" ? CANDIDATES[Deno.build.os] ?? [] : [choice];
  for (const path of paths) {
    try {
      return open(path, memory, threads);
    } catch (error) {
      if (choice === "auto") continue;
      const reason = (error as Error).message.split("\n")[0];
      throw new UserError(`The BLAS library ${path} cannot be used: ${reason}`);
    }
  }
  return undefined;
}

function open(path: string, memory: WebAssembly.Memory, threads: number): Blas {
  const library = Deno.dlopen(path, SYMBOLS);
  const { cblas_sgemm, openblas_set_num_threads, MKL_Set_Num_Threads } = library.symbols;
  openblas_set_num_threads?.(threads);
  MKL_Set_Num_Threads?.(threads);
  const start = Deno.UnsafePointer.of(new Uint8Array(memory.buffer));
  const base = Deno.UnsafePointer.value(start);
  const addressOf = (offset: number) => base + BigInt(offset);
  const [ROW_MAJOR, AS_IS, TRANSPOSED] = [101, 111, 112];
  return {
    path,
    gemm: ({ M, N, K, transposeA, transposeB, alpha, a, b, beta, c }) =>
      cblas_sgemm(
        ROW_MAJOR,
        transposeA ? TRANSPOSED : AS_IS,
        transposeB ? TRANSPOSED : AS_IS,
        ...[M, N, K, alpha] as const,
        ...[addressOf(a), transposeA ? M : K] as const,
        ...[addressOf(b), transposeB ? K : N] as const,
        ...[beta, addressOf(c), N] as const,
      ),
    close: () => library.close(),
  };
}
