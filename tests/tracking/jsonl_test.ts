import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { JsonlSink } from "../../lib/tracking/jsonl.ts";
import { type MetricSink, SinkGroup } from "../../lib/tracking/mod.ts";
import { inTempDir } from "../temp_dir.ts";

Deno.test("each log is one line, in the file at once", () =>
  inTempDir((folder) => {
    const path = join(folder, "deep", "metrics.jsonl");
    const sink = JsonlSink.open(path);
    sink.log(1, { "train/loss": 2.5, "train/lrm": 1 });
    assertEquals(Deno.readTextFileSync(path), '{"step":1,"train/loss":2.5,"train/lrm":1}\n');
    sink.log(2, { "train/loss": NaN, note: "a\nb" });
    sink.close();
    assertEquals(
      Deno.readTextFileSync(path).split("\n")[1],
      '{"step":2,"train/loss":null,"note":"a\\nb"}',
    );
  }));

Deno.test("a resumed file keeps the steps done and drops later and half-written lines", () =>
  inTempDir((folder) => {
    const path = join(folder, "metrics.jsonl");
    const killed = '{"step":1,"a":1}\n{"step":2,"a":2}\n{"step":3,"a":3}\n{"step":4,"a"';
    Deno.writeTextFileSync(path, killed);
    const sink = JsonlSink.open(path, { resumeStep: 2 });
    sink.log(3, { a: 33 });
    sink.close();
    assertEquals(
      Deno.readTextFileSync(path),
      '{"step":1,"a":1}\n{"step":2,"a":2}\n{"step":3,"a":33}\n',
    );
    JsonlSink.open(path).close();
    assertEquals(Deno.readTextFileSync(path), "");
    JsonlSink.open(join(folder, "new.jsonl"), { resumeStep: 5 }).close();
  }));

Deno.test("a file that cannot be written is a clear error", () =>
  inTempDir((folder) => {
    Deno.writeTextFileSync(join(folder, "file"), "no metrics\n");
    const within = join(folder, "file", "metrics.jsonl");
    assertThrows(() => JsonlSink.open(within), UserError, `metrics cannot be written to ${within}`);
    const other = () => JsonlSink.open(join(folder, "file"), { resumeStep: 1 });
    assertThrows(other, UserError, "metrics cannot be written");
  }));

Deno.test("a group logs to and closes all its sinks", async () => {
  const calls: string[] = [];
  const sink = (name: string): MetricSink => ({
    log: (step) => calls.push(`${name} ${step}`),
    close: () => Promise.resolve().then(() => void calls.push(`${name} closed`)),
  });
  const group = new SinkGroup([sink("a"), sink("b")]);
  group.log(7, { x: 1 });
  await group.close();
  assertEquals(calls, ["a 7", "b 7", "a closed", "b closed"]);
});
