/** Forward pass, gradients and optimizer steps against the numbers that nanochat computed. */
import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { bitsPerByte } from "../../lib/eval/mod.ts";
import { Engine } from "../../lib/engine/mod.ts";
import { Pass, windowSizes } from "../../lib/model/mod.ts";
import { Optimizer, parameterGroups } from "../../lib/optim/mod.ts";
import { devices } from "../device/devices.ts";
import { floats, isNoise, maxError, PARITY_MODELS, parityModel, relativeError } from "./parity.ts";

/** A tokenizer without tools or ends. */
const plainTokens = { bosId: -1, encode: () => [], decode: () => "", encodeSpecial: () => -1 };

for (const { name: deviceName, device } of devices) {
  for (const folder of PARITY_MODELS) {
    const test = (what: string, fn: () => Promise<void>) =>
      Deno.test(`${deviceName}: ${folder}: ${what}`, { ignore: device === undefined }, fn);

    test("logits, losses, bits per byte and sizes", async () => {
      const { model, expected, numbers, shape } = await parityModel(device!, folder);
      const [B, T] = shape("x"), N = B * T, V = model.config.vocabSize;
      const x = Int32Array.from(numbers("x")), y = Int32Array.from(numbers("y"));
      const pass = new Pass(model, B, T);
      pass.batch.write(x, Int32Array.from({ length: N }, (_, row) => row % V));
      pass.forward();
      for (let start = 0; start < N; start += pass.head.chunkRows) {
        const R = Math.min(pass.head.chunkRows, N - start);
        const logits = await floats(
          device!,
          pass.head.logits(pass.final, pass.batch.index, start, R),
        );
        const columns = logits.length / R;
        for (let r = 0; r < R; r++) {
          const row = logits.subarray(r * columns, r * columns + V);
          const wanted = numbers("logits").subarray((start + r) * V, (start + r + 1) * V);
          assertLess(maxError(row, wanted), 2e-5);
        }
      }

      const lossSum = device!.allocate("loss", [1]);
      pass.batch.write(x, y);
      pass.evaluate(lossSum);
      const losses = await floats(device!, pass.head.losses);
      const kept = [...y.keys()].filter((row) => y[row] >= 0);
      assertLess(maxError(losses, kept.map((row) => numbers("loss_per_position")[row])), 2e-5);

      const tokenBytes = Int32Array.from(numbers("token_bytes"));
      const bpb = await bitsPerByte(pass, [{ x, y }], 1, tokenBytes);
      assertAlmostEquals(bpb, expected.bpb, 1e-5);
      assertEquals(model.flopsPerToken, expected.flops_per_token);
      assertEquals(windowSizes(model.config), expected.window_sizes.map(([left]) => left));
      const { counts } = model;
      assertEquals(
        [counts.wte, counts.valueEmbeds, counts.lmHead, counts.transformerMatrices, counts.scalars],
        ["wte", "value_embeds", "lm_head", "transformer_matrices", "scalars"]
          .map((key) => expected.num_scaling_params[key]),
      );
      device!.free(lossSum);
      pass.free();
      model.free();
    });

    test("gradients, three optimizer steps and the greedy continuation", async () => {
      const { model, expected, userConfig, numbers, shape } = await parityModel(device!, folder);
      const [B, T] = shape("x");
      const pass = new Pass(model, B, T, { training: true });
      const initLrFrac = expected.steps[0].init_lr_frac;
      const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, {
        embeddingLr: userConfig.embedding_lr,
        unembeddingLr: userConfig.unembedding_lr,
        matrixLr: userConfig.matrix_lr,
        initLrFrac,
      });
      const optimizer = new Optimizer(device!, groups);
      const lossSum = device!.allocate("loss", [1]);
      for (const [step, { loss, lr_multiplier, muon_momentum }] of expected.steps.entries()) {
        const batch = step === 0 ? "" : `step${step}.`;
        pass.batch.write(
          Int32Array.from(numbers(`${batch}x`)),
          Int32Array.from(numbers(`${batch}y`)),
        );
        model.zeroGradients();
        device!.zero({ x: lossSum });
        pass.train(lossSum, 1);
        device!.submit();
        assertAlmostEquals((await floats(device!, lossSum))[0], loss, 2e-5);
        const before = new Map<string, Float32Array>();
        for (const { name, value, gradient } of model.parameters.values()) {
          before.set(name, await floats(device!, value));
          if (step > 0 || isNoise(folder, name)) continue;
          const error = relativeError(await floats(device!, gradient!), numbers(`grad.${name}`));
          assertLess(error, 1e-4, `gradient of ${name}`);
        }
        optimizer.step(lr_multiplier, muon_momentum);
        for (const { name, value } of model.parameters.values()) {
          if (isNoise(folder, name)) continue;
          const start = before.get(name)!;
          const change = (now: Float32Array) => now.map((value, i) => value - start[i]);
          const error = relativeError(
            change(await floats(device!, value)),
            change(numbers(`step${step}.param.${name}`)),
          );
          assertLess(error, 1e-3, `change of ${name} in step ${step}`);
        }
      }

      const engine = new Engine(model, plainTokens);
      const { prompt, continuation } = expected.greedy;
      const tokens: number[] = [];
      const options = { temperature: 0, maxTokens: continuation.length };
      for await (const [step] of engine.generate([prompt], options)) tokens.push(step!.token);
      assertEquals(tokens, continuation);
      engine.free();
      device!.free(lossSum);
      optimizer.free();
      pass.free();
      model.free();
    });
  }
}
