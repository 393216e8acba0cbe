/** A log that fails costs a run one warning. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { openSinks } from "../../lib/training/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";

const warnings = (console: MemoryTerminal) => console.stderr.split("\n").slice(0, -1);

Deno.test("a log that cannot be opened is one warning", async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(join(dir, "metrics.jsonl"));
    for (const options of [{}, { resumeStep: 3 }]) {
      const console = new MemoryTerminal();
      const sinks = openSinks(dir, console, options);
      for (const step of [1, 2]) sinks.log(step, { "val/bpb": 1.5 });
      await sinks.close();
      assertEquals(warnings(console).length, 1);
      assertStringIncludes(console.stderr, `warning: metrics cannot be written to ${dir}`);
      assertStringIncludes(console.stderr, "; the run goes on without this log");
      assertEquals(console.lines.length, 2);
    }
  });
});

Deno.test("a log that can no longer be written is one warning, and ends in a whole line", async () => {
  await inTempDir(async (dir) => {
    const console = new MemoryTerminal();
    const sinks = openSinks(dir, console);
    sinks.log(1, { "val/bpb": 1.5 });
    const { writeSync } = Deno.FsFile.prototype;
    let room = 10;
    Deno.FsFile.prototype.writeSync = function (bytes) {
      const part = bytes.subarray(0, room);
      if (part.length === 0) throw new Error("No space left on device (os error 28)");
      room -= part.length;
      return writeSync.call(this, part);
    };
    try {
      for (const step of [2, 3]) sinks.log(step, { "val/bpb": 1.5 });
    } finally {
      Deno.FsFile.prototype.writeSync = writeSync;
    }
    sinks.log(4, { "val/bpb": 1.5 });
    await sinks.close();
    assertEquals(warnings(console).length, 1);
    assertStringIncludes(console.stderr, "No space left on device");
    const text = await Deno.readTextFile(join(dir, "metrics.jsonl"));
    assertEquals(text, '{"step":1,"val/bpb":1.5}\n');
    assertEquals(console.lines.length, 4);
  });
});
