/** The command `serve` as a program: from its first line to a signal. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { smallBaseDir } from "../training/small_base_dir.ts";

const FLAGS = "serve --source base --device-type cpu --threads 1 --port 0 --quiet";

Deno.test({
  name: "serve says where it listens, answers who has the key, and ends at SIGTERM",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const baseDir = await smallBaseDir();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "mod.ts", ...FLAGS.split(" ")],
      cwd: fromFileUrl(new URL("../..", import.meta.url)),
      env: { NANOCHAT_BASE_DIR: baseDir, NANOCHAT_API_KEY: "secret", NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = new Response(child.stderr).text();
    const lines = child.stdout.pipeThrough(new TextDecoderStream());
    let printed = "";
    const reader = lines.getReader();
    while (!printed.includes("\n")) printed += (await reader.read()).value ?? "\n";
    const [, address] = /^Serving d2: chat at (\S+)\/, .*an API key is needed\)\n$/.exec(printed)!;
    const ask = async (authorization: string) => {
      const body = JSON.stringify({ model: "d2", prompt: "Hi", max_tokens: 3, stream: true });
      const headers = { authorization, "content-type": "application/json" };
      const response = await fetch(`${address}/v1/completions`, { method: "POST", headers, body });
      return await response.text();
    };
    assertStringIncludes(await ask("Bearer secret"), "data: [DONE]");
    assertStringIncludes(await ask("Bearer other"), "the API key is wrong");
    child.kill("SIGTERM");
    const { code } = await child.status;
    reader.releaseLock();
    await lines.cancel();
    assertEquals(code, 143);
    assertEquals(await errors, "warning: stopping; press Ctrl-C again to stop at once\n");
    await Deno.remove(baseDir, { recursive: true });
  },
});
