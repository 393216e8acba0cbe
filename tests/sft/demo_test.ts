/** What a run does in an empty base directory, and where the commands after it look. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { inspectCheckpoint } from "../../lib/inspect/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { watchRun } from "./run_helpers.ts";

Deno.test("an empty base directory gets the shipped model fine-tuned and shown", () =>
  inTempDir(async (baseDir) => {
    const { lines, result } = await watchRun(baseDir, {
      deviceType: "cpu",
      numIterations: 2,
      evalTokens: 4096,
      chatcoreMaxCat: 8,
      chatcoreMaxSample: 1,
    });
    assertEquals(result.directory, join(baseDir, "demo/chatsft_checkpoints/d4"));
    const printed = lines.join("\n");
    assertStringIncludes(printed, `No base checkpoint in ${baseDir}`);
    assert(/^Validation bpb +2\.\d+ +\d\.\d+$/m.test(printed), printed);
    assert(/^SimpleSpelling +0\.\d+ +0\.\d+$/m.test(printed), printed);
    assert(/^Who are you\?\n {2}before {2}.+\n {2}after/m.test(printed), printed);
    assert(result.isDemo);

    const console = new MemoryTerminal();
    const io = {
      baseDir,
      signal: new AbortController().signal,
      env: () => undefined,
      now: () => 0,
    };
    await inspectCheckpoint({ source: "sft" }, { ...io, terminal: console.terminal });
    assertStringIncludes(console.lines[0], join(baseDir, "demo/chatsft_checkpoints"));
  }));

Deno.test("own conversations alone are taught to the shipped model, and asked for", () =>
  inTempDir(async (baseDir) => {
    const own = join(baseDir, "own.jsonl");
    const lines = Array.from({ length: 4 }, (_, i) =>
      JSON.stringify([
        { role: "user", content: `Which is ${i}?` },
        { role: "assistant", content: `It is number ${i}.` },
      ]));
    await Deno.writeTextFile(own, lines.join("\n"));
    const options = { deviceType: "cpu", threads: 1, data: [own], dataOnly: true } as const;
    const { lines: printed, result } = await watchRun(baseDir, { ...options, numIterations: 2 });
    assert(result.isDemo);
    assertEquals(result.directory, join(baseDir, "demo/chatsft_checkpoints/d4"));
    const text = printed.join("\n");
    assert(!/SimpleSpelling|ChatCORE:|samples/.test(text), text);
    assert(/^Which is \d\? \(not trained on\)\n {2}before .+\n {2}after .+\n {2}data/m.test(text));
  }));
