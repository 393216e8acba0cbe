/** Opening a device with Dawn's WebGPU, and what is said where that cannot be. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import config from "../../deno.json" with { type: "json" };
import { openDevice } from "../../lib/device/mod.ts";
import { DAWN } from "../../lib/device/webgpu/provider.ts";
import { UserError } from "../../lib/errors.ts";
import { inTempDir } from "../temp_dir.ts";
import { hasChromium, SWIFTSHADER } from "./chromium.ts";
import { dawnIfThere } from "./dawn.ts";

const hasDawn = await dawnIfThere() !== undefined;

/** What a process prints that opens a device with Dawn's WebGPU, tells which, and ends. */
async function openWithDawn(env: Record<string, string>): Promise<string> {
  const module = new URL("../../lib/device/open.ts", import.meta.url);
  const program = `import { openDevice } from "${module.href}";
    const { device } = await openDevice({ deviceType: "webgpu", webgpu: "dawn" })
      .catch(({ name, message }) => Promise.reject(\`\${name}: \${message}\`));
    const [out, x] = [1, 2].map(() => device.allocate("x", [2]));
    device.write(x, Float32Array.of(1, 2));
    device.copy({ out, x });
    console.log(device.name, String(await device.read(out)));
    await device.close();`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--cached-only", program],
    cwd: fromFileUrl(new URL("../..", import.meta.url)),
    env: { NO_COLOR: "1", ...env },
  }).output();
  return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
}

Deno.test("Dawn's package is the one in deno.json", () => {
  assertEquals(DAWN, config.imports.webgpu);
});

Deno.test("Dawn is not asked for beside the CPU", async () => {
  const asked = () => openDevice({ deviceType: "cpu", webgpu: "dawn" });
  await assertRejects(asked, UserError, 'left out where the device is the CPU, but is "dawn"');
});

Deno.test("Dawn computes where it is asked for", {
  ignore: !hasDawn || !await hasChromium(),
}, async () => {
  assertMatch(await openWithDawn({ VK_ICD_FILENAMES: SWIFTSHADER }), /^SwiftShader.* 1,2$/m);
});

Deno.test("the error where Dawn has no adapter", { ignore: !hasDawn }, async () => {
  const told = await openWithDawn({ VK_ICD_FILENAMES: "/nothing.json" });
  assertMatch(told, /UserError: Dawn finds no WebGPU adapter: it takes newer drivers/);
});

Deno.test("the error where Dawn cannot be downloaded says how it can", async () => {
  await inTempDir(async (cache) => {
    const told = await openWithDawn({ DENO_DIR: cache });
    assertMatch(told, /UserError: Dawn needs npm:webgpu@\S+, which could not be loaded \(.+\);/);
    assert(told.includes(`with a network connection, run: deno cache ${DAWN}`), told);
  });
});
