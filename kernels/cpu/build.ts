/**
 * Compiles `assembly/` with AssemblyScript, once with relaxed SIMD (fused multiply-add) and once
 * without, and writes each as a TypeScript module holding the bytes in base64: so the kernels
 * arrive with the package, from a registry as from a folder, without a permission or a fetch.
 *
 * Run it after a change in `assembly/`: `deno run -A kernels/cpu/build.ts`.
 *
 * @module
 */
import asc from "assemblyscript/asc";

/** The two builds: the module's file name and the WebAssembly features it asks for. */
export const BUILDS: { file: string; features: string }[] = [
  { file: "relaxed_simd_wasm.ts", features: "simd,relaxed-simd,threads" },
  { file: "simd_wasm.ts", features: "simd,threads" },
];

/** Compiles one build and returns the module's bytes. */
export async function compile(features: string): Promise<Uint8Array<ArrayBuffer>> {
  const folder = new URL("./assembly/", import.meta.url);
  let bytes: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(
    [
      "index.ts",
      ...["--outFile", "kernels.wasm", "--runtime", "stub", "-O3", "--noAssert"],
      // The first 4 KiB belong to the pool; the host places everything else from 64 KiB on.
      ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
      ...["--memoryBase", "4096", "--enable", features, "--use", "abort="],
    ],
    {
      readFile: (name) => {
        try {
          return Deno.readTextFileSync(new URL(name, folder));
        } catch {
          return null;
        }
      },
      writeFile: (_name, contents) => {
        bytes = new Uint8Array(contents as Uint8Array);
      },
      listFiles: () => [],
    },
  );
  if (error || !bytes) throw new Error(`${error?.message ?? "no output"}\n${stderr.toString()}`);
  return bytes;
}

/** The text of the TypeScript module that holds `bytes`. */
export function moduleText(bytes: Uint8Array<ArrayBuffer>): string {
  return `// Made by build.ts from assembly/. Do not edit.
/** The compiled kernels, a WebAssembly module in base64. */
export default "${bytes.toBase64()}";
`;
}

if (import.meta.main) {
  for (const { file, features } of BUILDS) {
    const bytes = await compile(features);
    await Deno.writeTextFile(new URL(file, import.meta.url), moduleText(bytes));
    console.log(`${file}: ${bytes.length} bytes of WebAssembly`);
  }
}
