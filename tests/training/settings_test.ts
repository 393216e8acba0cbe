/** What a run inherits from its base checkpoint. */
import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../lib/errors.ts";
import { inheritSettings } from "../../lib/training/settings.ts";

Deno.test("sizes and rates come from options, else the meta file, else by default", () => {
  const meta = {
    max_seq_len: 64,
    device_batch_size: 2,
    user_config: { device_batch_size: 4, matrix_lr: 0, embedding_lr: null },
  };
  const notes: string[] = [];
  const settings = inheritSettings({ maxSeqLen: 128 }, meta, (note) => notes.push(note));
  assertEquals(settings, {
    maxSeqLen: 128,
    deviceBatchSize: 2,
    totalBatchSize: 524288,
    embeddingLr: 0.3,
    unembeddingLr: 0.004,
    matrixLr: 0,
  });
  assertEquals(notes.slice(0, 3), [
    "NOTE: max_seq_len=128 overrides the base checkpoint's 64",
    "device_batch_size=2 inherited from the base checkpoint",
    "total_batch_size=524288 by default",
  ]);
});

Deno.test("what no run can have is refused by name, unless an option takes its place", () => {
  for (
    const [key, value, says] of [
      ["total_batch_size", Infinity, "Infinity"],
      ["device_batch_size", 2.5, "2.5"],
      ["max_seq_len", 0, "0"],
      ["matrix_lr", NaN, "NaN"],
      ["embedding_lr", Infinity, "Infinity"],
      ["unembedding_lr", "0.3", '"0.3"'],
    ] as const
  ) {
    const meta = { user_config: { [key]: value } };
    const message = `the base checkpoint's meta file has ${key}=${says}; give another`;
    assertThrows(() => inheritSettings({}, meta), UserError, message);
    const options = {
      maxSeqLen: 64,
      deviceBatchSize: 1,
      totalBatchSize: 64,
      embeddingLr: 0.1,
      unembeddingLr: 0.1,
      matrixLr: 0.1,
    };
    assertEquals(inheritSettings(options, meta), options);
  }
});

Deno.test("-1 and null say nothing, at the top and in user_config, as in metas of scripts", () => {
  const meta = {
    total_batch_size: -1,
    device_batch_size: null,
    user_config: {
      run: "d20",
      device_type: "",
      total_batch_size: 4096,
      device_batch_size: 4,
      max_seq_len: null,
      embedding_lr: null,
      matrix_lr: -1,
      weight_decay: 0.0,
      dry_run: false,
    },
  };
  const notes: string[] = [];
  assertEquals(inheritSettings({}, meta, (note) => notes.push(note), "mid"), {
    maxSeqLen: 2048,
    deviceBatchSize: 4,
    totalBatchSize: 4096,
    embeddingLr: 0.3,
    unembeddingLr: 0.004,
    matrixLr: 0.02,
  });
  assertEquals(notes[0], "max_seq_len=2048 by default");
  assertEquals(notes[1], "device_batch_size=4 inherited from the mid checkpoint");
});

Deno.test("a meta file without user_config, as of reinforcement learning, gives nanochat's defaults", () => {
  for (const meta of [{}, { user_config: null }, { user_config: "none" }]) {
    const notes: string[] = [];
    const settings = inheritSettings({}, meta, (note) => notes.push(note), "rl");
    assertEquals(settings.totalBatchSize, 524288);
    assertEquals(notes.filter((note) => note.endsWith(" by default")).length, 6);
  }
});
