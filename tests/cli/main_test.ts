import { assertEquals, assertStringIncludes } from "@std/assert";
import config from "../../deno.json" with { type: "json" };

/** Runs the program as a user would, with nothing on standard input. */
async function program(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("../../mod.ts", import.meta.url).href, ...args],
    cwd: new URL("../..", import.meta.url),
    env: { NANOCHAT_BASE_DIR: "no-such-folder" },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("mod.ts is the command line", async () => {
  const help = await program("--help");
  assertEquals(help.code, 0);
  assertStringIncludes(help.out, "--num-iterations");
  // cliffy itself puts the program's name before it, its stand-in does not.
  const version = (await program("--version")).out.trim().replace(/^nanochat-sft /, "");
  assertEquals(version, config.version);
});

Deno.test("bad input is one line on standard error, without a stack, and exit code 1", async () => {
  for (
    const [args, message] of [
      [["--num-iterations", "0"], "error: --num-iterations must be"],
      [["--no-such-flag"], "--no-such-flag"],
      [["sft", "--threads", "many"], "--threads"],
      [["no-such-command"], "no-such-command"],
      [["base", "no-such-file.txt"], "tok-train"],
      [["inspect", "--data", "x", "--data-map", "speech=dialog"], "--data-map must be pairs"],
      [["export"], "give one of --hf, --safetensors and --nanochat"],
      [["export", "--hf", "a", "--nanochat", "b"], "give one of"],
      [["export", "--hf", "a", "--dtype", "int8"], "--dtype must be float32, bfloat16 or float16"],
      [["import"], "give --hf, the folder to import"],
      [["import", "--hf", "no-such-folder"], "holds no config.json"],
    ] as [string[], string][]
  ) {
    const { code, out, err } = await program(...args);
    assertEquals([code, out], [1, ""]);
    assertStringIncludes(err, message);
    assertEquals(err.trimEnd().split("\n").length, 1);
  }
});

Deno.test("a permission that is missing is named in one line", async () => {
  for (const [given, missing] of [[[], "--allow-env"], [["-E"], "--allow-sys"]] as const) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", ...given, "mod.ts", "inspect"],
      cwd: new URL("../..", import.meta.url),
      env: { NO_COLOR: "1", XDG_RUNTIME_DIR: "" },
    }).output();
    const lines = new TextDecoder().decode(stderr).trimEnd().split("\n");
    assertEquals([code, lines.length], [1, 1], lines.join("\n"));
    assertStringIncludes(lines[0], `run again with the ${missing} flag`);
  }
});
