/** A model whose weights hold NaN ends every command that asks it with one line. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { findAdapter } from "../../lib/device/webgpu/mod.ts";
import { smallBaseDir } from "../training/small_base_dir.ts";

const program = fromFileUrl(new URL("../../mod.ts", import.meta.url));

/** Runs the command line; what it wrote and how it ended. */
async function run(baseDir: string, args: string[], input = "") {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", program, ...args],
    env: { NANOCHAT_BASE_DIR: baseDir, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const [out, problems] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, problems };
}

for (const deviceType of ["webgpu", "cpu"]) {
  const ignore = deviceType === "webgpu" && !await findAdapter();
  // Where the vocabulary product is, and where relu² might have hidden it.
  for (const broken of ["lm_head.weight", "transformer.h.0.mlp.c_fc.weight"]) {
    Deno.test({
      name: `${deviceType}: chat and eval end with one line where ${broken} is NaN`,
      ignore,
      fn: async () => {
        const baseDir = await smallBaseDir(broken);
        const model = ["--source", "base", "--device-type", deviceType];
        const commands: [string[], string?][] = [
          [["chat", "--prompt", "Hi", ...model]],
          [["chat", ...model], "Hi\nAnd now?\n"],
          [["eval", "--tasks", "MMLU", ...model]],
          [["eval", "--tasks", "GSM8K", "--max-new-tokens", "4", ...model]],
        ];
        for (const [args, input] of commands) {
          const { code, problems } = await run(baseDir, args, input);
          assertEquals(code, 1, problems);
          const lines = problems.split("\n").filter((line) => line.includes("not numbers"));
          assertEquals(lines.length, 1, problems);
          assertStringIncludes(lines[0], "its weights hold NaN or infinity");
          assert(!/^ {4}at /m.test(problems), problems);
        }
        await Deno.remove(baseDir, { recursive: true });
      },
    });
  }
}
