/** Models of every age write what they find most likely without a cache, sampled on the device. */
import { assertEquals } from "@std/assert";
import { Engine } from "../../lib/engine/mod.ts";
import { devices } from "../device/devices.ts";
import { ERA_FOLDERS, loadEra } from "../model/eras.ts";
import { greedyTokens } from "./uncached.ts";

/** A tokenizer without tools or ends. */
const plainTokens = { bosId: -1, encode: () => [], decode: () => "", encodeSpecial: () => -1 };
const COUNT = 12;

for (const name of ERA_FOLDERS) {
  for (const { name: deviceName, device } of devices) {
    Deno.test({
      name: `${deviceName}: ${name}: the engine's tokens are those of the whole`,
      ignore: device === undefined,
      fn: async () => {
        const { model } = await loadEra(device!, name);
        const { vocabSize } = model.config;
        const engine = new Engine(model, plainTokens, { stepsPerRead: 5 });
        const prompts = [7, 7, 19].map((length, row) =>
          Array.from({ length }, (_, i) => (i * i * 31 + i * 7 + Math.max(1, row)) % vocabSize)
        );
        // The second time, the first prompt's cache is gone on with.
        for (const round of [prompts, prompts.map((prompt) => [...prompt, 3])]) {
          const rows = round.map((prompt) => [...prompt]);
          const options = { temperature: 0, maxTokens: COUNT };
          for await (const steps of engine.generate(round, options)) {
            steps.forEach((step, row) => rows[row].push(step!.token));
          }
          const likeliest = await greedyTokens(model, rows);
          rows.forEach((row, r) => {
            assertEquals(row.slice(-COUNT), likeliest[r].slice(-COUNT - 1, -1), `row ${r}`);
          });
        }
        engine.free();
        model.free();
      },
    });
  }
}
