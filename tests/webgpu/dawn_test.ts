/**
 * The tests of operations and of parity once more, on Dawn (Chrome's WebGPU) and SwiftShader, a
 * GPU in software.
 */
import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { hasChromium, SWIFTSHADER } from "./chromium.ts";
import { dawnIfThere } from "./dawn.ts";
import { DAWN_FILES } from "./dawn_files.ts";

const tests = new URL("../", import.meta.url);
const ignore = !await hasChromium() || !await dawnIfThere();

for (const file of DAWN_FILES) {
  Deno.test({
    name: `on Dawn and SwiftShader: ${file}`,
    ignore,
    fn: async () => {
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["test", "-A", "--no-check", fromFileUrl(new URL(file, tests))],
        env: { NANOCHAT_TEST_WEBGPU: "dawn", VK_ICD_FILENAMES: SWIFTSHADER, NO_COLOR: "1" },
      }).output();
      const [output, problems] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert(success, output + problems);
      // None may have been left out.
      assert(/^ok \| [1-9]\d* passed \| 0 failed \(/m.test(output), output);
    },
  });
}
