/**
 * The compiled kernels: choosing the build that this host runs best.
 *
 * @module
 */
import type { AddressBits } from "./memory.ts";

/** The builds for each size of addresses, the faster one first. */
const BUILDS: Record<AddressBits, (() => Promise<{ default: string }>)[]> = {
  64: [() => import("../../../kernels/cpu/relaxed_simd_64_wasm.ts")],
  32: [
    () => import("../../../kernels/cpu/relaxed_simd_wasm.ts"),
    () => import("../../../kernels/cpu/simd_wasm.ts"),
  ],
};

/** The bits of the widest addresses that this host runs kernels with. */
export async function widestAddresses(): Promise<AddressBits> {
  return await validBuild(64) === undefined ? 32 : 64;
}

/**
 * The fastest kernels for a memory with such addresses. All threads get this one module: where each
 * compiled its own, they ran at half speed.
 *
 * @throws {Error} when this host cannot run them.
 */
export async function compileKernels(addressBits: AddressBits): Promise<WebAssembly.Module> {
  const bytes = await validBuild(addressBits);
  if (bytes === undefined) throw new Error(`no kernels with ${addressBits}-bit addresses run here`);
  return WebAssembly.compile(bytes);
}

async function validBuild(addressBits: AddressBits): Promise<Uint8Array<ArrayBuffer> | undefined> {
  for (const load of BUILDS[addressBits]) {
    const bytes = Uint8Array.fromBase64((await load()).default);
    if (WebAssembly.validate(bytes)) return bytes;
  }
  return undefined;
}
