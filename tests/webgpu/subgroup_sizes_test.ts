/**
 * Reductions over workgroups once more where subgroups have fewer and more threads than the software
 * adapter gives them of its own accord.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";

/** The operations whose kernels reduce in subgroups: a sum, and a maximum. */
const FILES = ["norm", "loss"].map((name) =>
  fromFileUrl(new URL(`../device/operations_${name}_test.ts`, import.meta.url))
);

const adapter = await navigator.gpu?.requestAdapter();
const isLlvmpipe = adapter?.info.description.startsWith("llvmpipe") ?? false;

/** What Deno prints where llvmpipe's vectors have so many bits; a thread takes 32. */
async function denoWith(vectorBits: number, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { LP_NATIVE_VECTOR_WIDTH: `${vectorBits}`, NO_COLOR: "1" },
  }).output();
  const [output, problems] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, output + problems);
  return output;
}

for (const threads of [4, 16]) {
  Deno.test({
    name: `subgroups of ${threads} threads reduce right`,
    ignore: !isLlvmpipe,
    fn: async () => {
      const asked = "console.log((await navigator.gpu.requestAdapter()).info.subgroupMaxSize)";
      assertEquals(await denoWith(32 * threads, ["eval", asked]), `${threads}\n`);
      const tests = ["test", "-A", "--no-check", "--filter", "/^webgpu: /", ...FILES];
      assert(/^ok \| 2 passed \| 0 failed/m.test(await denoWith(32 * threads, tests)));
    },
  });
}
