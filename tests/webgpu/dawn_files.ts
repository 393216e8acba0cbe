/** The tests that run on Dawn as well, from `tests/`. */
export const DAWN_FILES: readonly string[] = [
  "model/parity_test.ts",
  "model/parity_16bit_test.ts",
  "device/webgpu_test.ts",
  ...Array.from(Deno.readDirSync(new URL("../device", import.meta.url)), ({ name }) => name)
    .filter((name) => /^operations_.*_test\.ts$/.test(name)).sort()
    .map((name) => `device/${name}`),
];
