/**
 * Compiles `assembly/` and writes each build as a TypeScript module holding the bytes in base64: so
 * the kernels arrive with the package, from a registry as from a folder, without a permission or a
 * fetch.
 *
 * Run it after a change in `assembly/`: `deno run -A kernels/cpu/build.ts`.
 *
 * @module
 */
import { type AddressBits, compileAssembly, type Feature } from "./compile.ts";

/** A build: the module's file name and what it asks of a host. */
export interface Build {
  /** Name of the TypeScript module. */
  file: string;
  /** WebAssembly features, separated by commas. */
  features: string;
}

/** The builds for a memory of 4 GiB: with relaxed SIMD (fused multiply-add) and without. */
export const BUILDS: Build[] = [
  { file: "relaxed_simd_wasm.ts", features: "simd,relaxed-simd,threads" },
  { file: "simd_wasm.ts", features: "simd,threads" },
];

/** The build for a memory of more than 4 GiB, which needs addresses of 64 bits. */
export const WIDE_BUILD: Build = {
  file: "relaxed_simd_64_wasm.ts",
  features: "simd,relaxed-simd,threads,memory64",
};

/** Compiles one build and returns the module's bytes. */
export function compile(features: string): Promise<Uint8Array<ArrayBuffer>> {
  const names = features.split(",") as Feature[];
  const addressBits: AddressBits = names.includes("memory64") ? 64 : 32;
  return Promise.resolve(compileAssembly(names, addressBits));
}

/** The text of the TypeScript module that holds `bytes`. */
export function moduleText(bytes: Uint8Array<ArrayBuffer>): string {
  return `// Made by build.ts from assembly/. Do not edit.
/** The compiled kernels, a WebAssembly module in base64. */
export default "${bytes.toBase64()}";
`;
}

if (import.meta.main) {
  for (const { file, features } of [...BUILDS, WIDE_BUILD]) {
    const bytes = await compile(features);
    await Deno.writeTextFile(new URL(file, import.meta.url), moduleText(bytes));
    console.log(`${file}: ${bytes.length} bytes of WebAssembly`);
  }
}
