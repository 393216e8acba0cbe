import { assertEquals } from "@std/assert";
import {
  ConsoleSink,
  formatChatcore,
  formatStep,
  formatValidation,
  type StepMetrics,
} from "../../lib/tracking/mod.ts";
import { MemoryTerminal } from "./memory_terminal.ts";

const METRICS: StepMetrics = {
  "train/loss": 2.381010,
  "train/loss_raw": 2.1,
  "train/lrm": 0.995,
  "train/dt": 3.31546,
  "train/tok_per_sec": 1235.4,
  "train/mfu": 41.234,
  "train/epoch": 1,
  "train/progress": 0.1025,
  "total_training_time": 30.6,
};

Deno.test("lines have nanochat's form", () => {
  assertEquals(
    formatStep(20, METRICS),
    "step 00020 (10.25%) | loss: 2.381010 | lrm: 0.99 | dt: 3315.46ms | tok/sec: 1,235" +
      " | mfu: 41.23 | epoch: 1 | total time: 0.51m",
  );
  assertEquals(formatValidation(10, 1.63784), "Step 00010 | Validation bpb: 1.6378");
  assertEquals(
    formatChatcore(123456, 0.25341, -0.01),
    "Step 123456 | ChatCORE: 0.2534 | ChatCORE_cat: -0.0100",
  );
});

Deno.test("the console prints a line for what it knows and none for the rest", () => {
  const memory = new MemoryTerminal();
  const sink = new ConsoleSink(memory.terminal);
  sink.log(0, { "val/bpb": 2.2641 });
  sink.log(20, METRICS);
  sink.log(20, { "chatcore_metric": 0.5, "chatcore_cat": 0.25 });
  sink.log(20, { "data/cut_rows": 3 });
  assertEquals(memory.lines, [
    "Step 00000 | Validation bpb: 2.2641",
    formatStep(20, METRICS),
    "Step 00020 | ChatCORE: 0.5000 | ChatCORE_cat: 0.2500",
  ]);
});
