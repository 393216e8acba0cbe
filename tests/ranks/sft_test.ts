/**
 * nanochat's own fine-tuning of a `d4` by two ranks: the same batches, losses, measures and weights,
 * by two processes over MPI. It needs the reference's base directory, which is too large for this
 * repository.
 */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "@std/path";
import {
  findCheckpoint,
  openSafetensors,
  openTorchFile,
  readMeta,
} from "../../lib/checkpoint/disk/mod.ts";
import { readStateDict } from "../../lib/checkpoint/mod.ts";
import { PackedLoader } from "../../lib/dataloader/mod.ts";
import { LocalSource } from "../../lib/tasks/mod.ts";
import { trainingMixture } from "../../lib/training/mod.ts";
import { sftOptions } from "../../cli/options.ts";
import { openTokenizer } from "../../lib/training/open_checkpoint.ts";
import { BASE_DIR, FLAGS, isThere, REFERENCE } from "../sft/reference.ts";
import { temporaryBaseDir } from "../sft/run_helpers.ts";
import { mpi, runRanks } from "./mpirun.ts";

const WORLD_SIZE = 2;
const STEPS = 12;

Deno.test({
  name: "two ranks draw the reference's batches, token for token",
  ignore: !isThere,
  fn: async () => {
    const files = await findCheckpoint(BASE_DIR, { source: "base", tag: "d4" });
    const tokenizer = await openTokenizer(BASE_DIR, files);
    const source = new LocalSource(BASE_DIR);
    const { train } = await trainingMixture(sftOptions(FLAGS), source, () => {});
    using expected = await openSafetensors(
      join(REFERENCE, "ranks/sft_world2_batches.safetensors"),
    );
    const render = tokenizer.renderConversation.bind(tokenizer);
    const { bosId, tokenBytes } = tokenizer;
    for (let rank = 0; rank < WORLD_SIZE; rank++) {
      const share = { rank, worldSize: WORLD_SIZE };
      const loader = new PackedLoader(train, { render, bosId, tokenBytes, B: 4, T: 512, ...share });
      for (const step of [0, 1]) {
        const batch = loader.next();
        for (const key of ["x", "y"] as const) {
          const tensor = expected.tensors.get(`step${step}.rank${rank}.micro0.${key}`)!;
          assertEquals([...batch[key]], Array.from(await tensor.read(), Number));
        }
      }
    }
  },
});

Deno.test({
  name: "two processes take the reference's steps",
  ignore: !isThere || mpi === undefined,
  fn: async () => {
    const path = join(REFERENCE, "ranks/sft_world2_expected.json");
    const expected = JSON.parse(await Deno.readTextFile(path));
    const baseDir = await temporaryBaseDir(BASE_DIR);
    const flags = JSON.stringify({ ...FLAGS, deviceType: "cpu", threads: 1, saveEvery: STEPS });
    const program = ["tests/ranks/sft_child.ts", baseDir, flags, String(STEPS)];
    const { code, stderr } = await runRanks(WORLD_SIZE, program);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });

    const directory = join(baseDir, "chatsft_checkpoints/d4");
    const log = await Deno.readTextFile(join(directory, "metrics.jsonl"));
    const metrics: Record<string, number>[] = log.trimEnd().split("\n").map((line) =>
      JSON.parse(line)
    );
    const losses = metrics.filter((line) => "train/loss_raw" in line);
    for (const { step, loss, smoothed_loss, lr_multiplier } of expected.steps) {
      const line = losses[step - 1];
      assertEquals([line.step, line["train/lrm"]], [step, lr_multiplier]);
      assertAlmostEquals(line["train/loss_raw"], loss, 2e-3, `step ${step}`);
      assertAlmostEquals(line["train/loss"], smoothed_loss, 2e-3, `step ${step}`);
    }
    const bpbs = metrics.filter((line) => "val/bpb" in line);
    assertEquals(bpbs.map(({ step }) => step), [0, 10]);
    for (const { step, ["val/bpb"]: bpb } of bpbs) {
      assertAlmostEquals(bpb, expected.validation_bpb[step], 1e-3, `bpb at ${step}`);
    }

    // What was saved is what both had: one model, and a share of the optimizer of each.
    const saved = await findCheckpoint(baseDir, { source: "sft", tag: "d4", step: STEPS });
    assertEquals([...saved.optimizers.keys()], [0, 1]);
    const { modelConfig } = await readMeta(saved.meta);
    using model = await openTorchFile(saved.model);
    for (const [name, tensor] of readStateDict(model, modelConfig).tensors) {
      const norm = Math.sqrt((await tensor.readFloat32()).reduce(squares, 0));
      const relative = norm / expected.parameter_norms_after[name] - 1;
      assertAlmostEquals(relative, 0, 1e-3, name);
    }
    await Deno.remove(baseDir, { recursive: true });
  },
});

function squares(sum: number, x: number): number {
  return sum + x * x;
}
