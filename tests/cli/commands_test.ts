import { assertEquals, assertRejects } from "@std/assert";
import { ValidationError } from "@cliffy/command";
import { chatCommand } from "../../cli/chat.ts";
import { evalCommand } from "../../cli/eval.ts";
import { chatOptions, evalOptions } from "../../cli/options.ts";

/** The options that a command hands on for a command line. */
async function parseEval(...args: string[]): Promise<object> {
  let given: object = {};
  const command = evalCommand((options) => {
    given = options;
    return Promise.resolve(new Map());
  });
  await command.noExit().parse(args);
  return given;
}

async function parseChat(...args: string[]): Promise<object> {
  let given: object = {};
  const command = chatCommand((options) => {
    given = options;
    return Promise.resolve();
  });
  await command.noExit().parse(args);
  return given;
}

Deno.test("without flags eval and chat do as nanochat does", async () => {
  assertEquals(await parseEval(), evalOptions());
  assertEquals(await parseChat(), chatOptions());
  const { temperature, topK, maxNewTokens } = chatOptions();
  assertEquals([temperature, topK, maxNewTokens], [0.6, 50, 256]);
  assertEquals([evalOptions().temperature, evalOptions().maxNewTokens], [0, 512]);
});

const MODEL_FLAGS =
  "--source base --model-tag d4 --step 9 --device-type cpu --threads 2 --blas auto";
const GIVEN = {
  source: "base",
  modelTag: "d4",
  step: 9,
  deviceType: "cpu",
  threads: 2,
  blas: "auto",
};

Deno.test("eval hands its flags on", async () => {
  const flags = "--tasks ARC-Easy|GSM8K --temperature 0.5 --top-k 7 --max-new-tokens 9 " +
    "--num-samples 3 --batch-size 4 --max-problems 5 --json";
  assertEquals(await parseEval(...`${MODEL_FLAGS} ${flags}`.split(" ")), {
    ...evalOptions(),
    ...GIVEN,
    tasks: "ARC-Easy|GSM8K",
    temperature: 0.5,
    topK: 7,
    maxNewTokens: 9,
    numSamples: 3,
    batchSize: 4,
    maxProblems: 5,
    json: true,
  });
});

Deno.test("chat hands its flags on", async () => {
  const flags = "--prompt Hi --temperature 0.5 --top-k 7 --top-p 0.9 --min-p 0.1 --seed 3 " +
    "--max-new-tokens 9";
  assertEquals(await parseChat(...`${MODEL_FLAGS} ${flags}`.split(" ")), {
    ...chatOptions(),
    ...GIVEN,
    prompt: "Hi",
    temperature: 0.5,
    topK: 7,
    topP: 0.9,
    minP: 0.1,
    seed: 3,
    maxNewTokens: 9,
  });
  await assertRejects(() => parseChat("--seed", "many"), ValidationError, "--seed");
});
