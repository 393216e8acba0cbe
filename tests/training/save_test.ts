/** What a checkpoint's meta file says of the run that it is of. */
import { assertEquals, assertThrows } from "@std/assert";
import { parseMeta } from "../../lib/checkpoint/mod.ts";
import { UserError } from "../../lib/errors.ts";
import { savedRun } from "../../lib/training/mod.ts";

const model_config = {
  sequence_len: 16,
  vocab_size: 64,
  n_layer: 2,
  n_head: 2,
  n_kv_head: 2,
  n_embd: 32,
};
const at = { step: 3, progress: 0.5, smoothedLoss: 2.5, trainingSeconds: 1.5 };
const loader = {
  datasetLength: 9,
  checksum: "a1",
  cursor: 7,
  consumed: 4,
  epoch: 1,
  buffer: [2, 5, 6],
};

const saved = (run_state: unknown) =>
  savedRun(
    parseMeta(JSON.stringify({ step: 3, model_config, run_state }), "step_3_meta.json"),
    "step_3_meta.json",
  );

Deno.test("where a run stood is read, with what an older package left out", () => {
  assertEquals(saved({ ...at, loader }), { at, loaders: [loader] });
  const { checksum: _, ...older } = loader;
  assertEquals(saved({ ...at, loader: older }), { at, loaders: [older] });
  const loaders = [loader, { ...loader, cursor: 8, buffer: [] }];
  assertEquals(saved({ ...at, loaders }), { at, loaders });
  const scaled = { ...at, lossScale: { value: 2 ** 14, steps: 7 } };
  assertEquals(saved({ ...scaled, loader }), { at: scaled, loaders: [loader] });
});

Deno.test("a damaged state of a run is none, in one line", () => {
  for (
    const state of [
      undefined,
      null,
      7,
      at,
      { ...at, step: null, loader },
      { ...at, loader: 1 },
      { ...at, loader, lossScale: null },
      { ...at, loader, lossScale: { value: 0, steps: 7 } },
      { ...at, loader, lossScale: { value: 2 ** 14 } },
      ...Object.keys(loader).filter((key) => key !== "checksum").map((key) => {
        return { ...at, loader: { ...loader, [key]: undefined } };
      }),
      { ...at, loader: { ...loader, cursor: -1 } },
      { ...at, loader: { ...loader, buffer: [2, 9] } },
      { ...at, loader: { ...loader, buffer: ["2"] } },
      { ...at, loaders: [] },
      { ...at, loaders: { 0: loader } },
      { ...at, loaders: [loader, null] },
      { ...at, loaders: [loader, { ...loader, datasetLength: 10 }] },
      { ...at, loaders: [loader, { ...loader, checksum: "b2" }] },
    ]
  ) {
    const { message } = assertThrows(() => saved(state), UserError);
    assertEquals(message, "step_3_meta.json: holds no run to go on with");
  }
});
