import { assertEquals } from "@std/assert";
import { baseDir } from "../training/small_world.ts";

/** Runs Deno where nothing says where Wayland's socket would be, as in a container. */
async function deno(...args: string[]): Promise<{ success: boolean; stderr: string }> {
  const { XDG_RUNTIME_DIR: _, ...env } = Deno.env.toObject();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    clearEnv: true,
    env: { ...env, NANOCHAT_BASE_DIR: baseDir, DENO_WEBGPU_BACKEND: "vulkan" },
    stdin: "null",
  }).output();
  return { success, stderr: new TextDecoder().decode(stderr) };
}

const asked = await deno("eval", "await navigator.gpu.requestAdapter();");

Deno.test({
  name: "Mesa's complaint about XDG_RUNTIME_DIR does not reach the user",
  ignore: !asked.stderr.includes("XDG_RUNTIME_DIR"),
  fn: async () => {
    const program = new URL("../../mod.ts", import.meta.url).href;
    const options = ["--source", "base", "--device-type", "webgpu", "--max-new-tokens", "2"];
    const { success, stderr } = await deno(
      "run",
      "-A",
      program,
      "chat",
      ...options,
      "--prompt",
      "a",
    );
    assertEquals([success, stderr], [true, ""]);
  },
});
