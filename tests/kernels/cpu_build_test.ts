/** The committed WebAssembly is what its sources compile to, in every build. */
import { assert, assertEquals } from "@std/assert";
import { BUILDS, compile, moduleText, WIDE_BUILD } from "../../kernels/cpu/build.ts";

for (const { file, features } of [...BUILDS, WIDE_BUILD]) {
  Deno.test(`${file} is up to date`, async () => {
    const bytes = await compile(features);
    const committed = await Deno.readTextFile(
      new URL(`../../kernels/cpu/${file}`, import.meta.url),
    );
    assert(moduleText(bytes) === committed, "run `deno run -A kernels/cpu/build.ts`");
  });
}

interface Exports {
  matmul(...args: (number | boolean)[]): void;
}

/** A 20×20×20 product in one build, on this thread. */
async function product(file: string): Promise<Float32Array> {
  const memory = new WebAssembly.Memory({ initial: 100, maximum: 100, shared: true });
  const { default: base64 } = await import(`../../kernels/cpu/${file}`);
  const module = new WebAssembly.Module(Uint8Array.fromBase64(base64));
  const { matmul } = new WebAssembly.Instance(module, { env: { memory } })
    .exports as unknown as Exports;
  const [threads, workspace, workspaceSize] = [50, 51, 52]; // as lib/device/cpu/control.ts has them
  const control = new Int32Array(memory.buffer);
  control[threads] = 1;
  control[workspace] = 1 << 20;
  control[workspaceSize] = 1 << 20;
  const [out, a, packed] = [1 << 16, 1 << 17, 1 << 21];
  const values = new Float32Array(memory.buffer, a, 400);
  values.forEach((_, i) => values[i] = (i * 37 % 101) / 100);
  matmul(out, a, a, out, 0, packed, 1, 20, 20, 20, false, true, 0, false, 1, 0);
  return Float32Array.from(new Float32Array(memory.buffer, out, 400));
}

Deno.test("both builds for 4 GiB give the same product but for rounding", async () => {
  const [relaxed, plain] = await Promise.all(BUILDS.map(({ file }) => product(file)));
  assert(relaxed.every((value, i) => Math.abs(value - plain[i]) < 1e-5));
  const expected = Array.from({ length: 20 }, (_, k) => (k * 37 % 101) / 100);
  const sum = expected.reduce((total, value) => total + value * value, 0);
  assertEquals(Math.abs(plain[0] - sum) < 1e-5, true);
});
