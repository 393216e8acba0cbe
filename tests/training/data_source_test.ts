import { assertEquals } from "@std/assert";
import { openDataSource } from "../../lib/training/data_source.ts";
import { Terminal } from "../../lib/tracking/mod.ts";
import { conversationsParquet, FakeHub } from "../tasks/hub/fake_hub.ts";

Deno.test("datasets are fetched from HF_ENDPOINT with HF_TOKEN, and progress is shown", async () => {
  await using hub = new FakeHub();
  const rows = [[{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }]];
  hub.addDataset("a/b", "default", "train", [conversationsParquet(rows)]);
  hub.mischief.push({ dropAfter: 100 });
  const baseDir = await Deno.makeTempDir();
  const env: Record<string, string> = { HF_ENDPOINT: hub.url, HF_TOKEN: "hf_secret" };
  const shown: string[] = [];
  const source = openDataSource({
    baseDir,
    env: (name) => env[name],
    signal: new AbortController().signal,
    now: () => 0,
    terminal: new Terminal({
      stdout: () => {},
      stderr: (text) => shown.push(text),
      isTerminal: true,
      columns: () => 80,
      colors: false,
      quiet: false,
      now: () => 0,
    }),
  });
  assertEquals((await source.rows("a/b", "default", "train")).length, 1);
  assertEquals(hub.seen[0].authorization, "Bearer hf_secret");
  assertEquals(shown.some((text) => text.includes("Fetching b train 1/1")), true);
  assertEquals(
    shown.some((text) => text.includes("warning: ") && text.includes("broke off")),
    true,
  );
  await Deno.remove(baseDir, { recursive: true });
});
