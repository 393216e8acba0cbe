import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { UserError } from "../../lib/errors.ts";
import { type JsonlOptions, JsonlSink, runOfLog } from "../../lib/tracking/jsonl.ts";
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
    JsonlSink.open(join(folder, "new.jsonl"), { resumeStep: 5 }).close();
  }));

Deno.test("an earlier file is kept beside, each under a number of its own", () =>
  inTempDir((folder) => {
    const path = join(folder, "metrics.jsonl");
    for (const step of [1, 2, 3]) {
      const sink = JsonlSink.open(path);
      sink.log(step, {});
      sink.close();
    }
    const read = (name: string) => Deno.readTextFileSync(join(folder, name));
    const names = ["metrics.1.jsonl", "metrics.2.jsonl", "metrics.jsonl"];
    assertEquals(names.map(read), [1, 2, 3].map((step) => `{"step":${step}}\n`));
    // One without a line holds nothing to keep.
    const empty = join(folder, "empty.jsonl");
    for (let times = 0; times < 2; times++) JsonlSink.open(empty).close();
    assertThrows(() => Deno.statSync(join(folder, "empty.1.jsonl")), Deno.errors.NotFound);
  }));

Deno.test("a run goes on with its own lines, wherever they are", () =>
  inTempDir((folder) => {
    const path = join(folder, "metrics.jsonl");
    const logs = () =>
      [...Deno.readDirSync(folder)].map(({ name }) => name).sort()
        .map((name) => Deno.readTextFileSync(join(folder, name)).trimEnd().replaceAll('"', ""));
    const write = (steps: number[], options: JsonlOptions) => {
      const sink = JsonlSink.open(path, options);
      for (const step of steps) sink.log(step, {});
      sink.close();
    };
    write([1, 2, 3], { run: "a" });
    assertEquals(logs(), ["{step:0,run:a}\n{step:1}\n{step:2}\n{step:3}"]);
    write([3], { run: "a", resumeStep: 2, resumeRun: "a" });
    assertEquals(logs(), ["{step:0,run:a}\n{step:1}\n{step:2}\n{step:3}"]);
    // Another run began and ended before it saved.
    write([1], { run: "b" });
    write([4], { run: "a", resumeStep: 3, resumeRun: "a" });
    assertEquals(logs(), [
      "{step:0,run:a}\n{step:1}\n{step:2}\n{step:3}",
      "{step:0,run:b}\n{step:1}",
      "{step:0,run:a}\n{step:1}\n{step:2}\n{step:3}\n{step:4}",
    ]);
    // A run that branches off leaves the log of the one it left.
    write([3], { run: "c", resumeStep: 2, resumeRun: "a" });
    assertEquals(logs().slice(2), [
      "{step:0,run:a}\n{step:1}\n{step:2}\n{step:3}\n{step:4}",
      "{step:0,run:c}\n{step:1}\n{step:2}\n{step:3}",
    ]);
    // The lines of a run whose log is gone are not made up.
    write([9], { run: "d", resumeStep: 8, resumeRun: "d" });
    assertEquals(logs().at(-1), "{step:0,run:d}\n{step:9}");
    assertEquals(runOfLog(path), "d");
    assertEquals(runOfLog(join(folder, "none")), undefined);
  }));

Deno.test("a damaged line ends no run: the file is kept beside, its good lines go on", () =>
  inTempDir((folder) => {
    const path = join(folder, "metrics.jsonl");
    for (const damage of ["\0\0\0", '{"step":2,"a"', "null", "3", '{"a":1}', '{"step":"2"}']) {
      const text = `{"step":1}\n${damage}\n{"step":3}\n{"step":4}\n`;
      Deno.writeTextFileSync(path, text);
      JsonlSink.open(path, { resumeStep: 3 }).close();
      assertEquals(Deno.readTextFileSync(path), '{"step":1}\n{"step":3}\n', damage);
      const beside = join(folder, "metrics.1.jsonl");
      assertEquals(Deno.readTextFileSync(beside), text);
      Deno.removeSync(beside);
    }
  }));

Deno.test("a file that cannot be written is a clear error", () =>
  inTempDir((folder) => {
    Deno.writeTextFileSync(join(folder, "file"), "no metrics\n");
    const within = join(folder, "file", "metrics.jsonl");
    assertThrows(() => JsonlSink.open(within), UserError, `metrics cannot be written to ${within}`);
    assertThrows(() => JsonlSink.open(folder), UserError, "metrics cannot be written");
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
