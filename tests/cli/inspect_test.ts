/** The command `inspect`, with own data. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { inTempDir } from "../temp_dir.ts";

Deno.test("own data that was looked at is said how to be trained on", () =>
  inTempDir(async (dir) => {
    const messages = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello." }];
    await Deno.writeTextFile(join(dir, "own.jsonl"), JSON.stringify(messages));
    const shown = async (...given: string[]) => {
      const args = ["run", "-A", "--no-check", "mod.ts", "inspect", "--data"];
      args.push(join(dir, "own.jsonl"), "--device-type", "cpu", ...given);
      const env = { NANOCHAT_BASE_DIR: dir, NO_COLOR: "1" };
      const { code, stdout, stderr } = await new Deno.Command("deno", { args, env }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    assertStringIncludes(await shown(), "on them alone with --data-only\n");
    const alone = await shown("--data-only");
    assertStringIncludes(alone, 'Next: leave "inspect" out to train on them\n');
    assert(!alone.includes("NaN"));
  }));
