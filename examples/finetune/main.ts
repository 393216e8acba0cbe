/**
 * Fine-tunes a model on your own conversations and saves a checkpoint that nanochat loads.
 *
 *     deno run -A main.ts               # the tiny base model that ships with the package
 *     deno run -A main.ts BASE_DIR      # your own, from nanochat's base directory
 */
import { openModel, placeDemo } from "@nanochat/sft";
import { saveCheckpoint } from "@nanochat/sft/checkpoint/disk";
import { PackedLoader } from "@nanochat/sft/dataloader";
import { openDevice } from "@nanochat/sft/device";
import { ChatSession, Engine } from "@nanochat/sft/engine";
import { Pass } from "@nanochat/sft/model";
import { lrMultiplier, momentumCoefficient, Optimizer, parameterGroups } from "@nanochat/sft/optim";
import { OwnConversations } from "@nanochat/sft/tasks";

const [B, T, steps] = [4, 128, 30]; // rows in a batch, tokens in a row, optimizer steps
const rates = { embeddingLr: 0.2, unembeddingLr: 0.004, matrixLr: 0.02 };
const schedule = { warmupRatio: 0, warmdownRatio: 0.5, finalLrFrac: 0 };
const path = "conversations.jsonl";

const conversations = await OwnConversations.load(path);
const baseDir = Deno.args[0] ?? await placeDemo(".");
const { device } = await openDevice();
const source = { source: "base", training: true } as const;
const { model, tokenizer, files } = await openModel(device, baseDir, source);
const { bosId } = tokenizer;
const render = tokenizer.renderConversation.bind(tokenizer);
const loader = new PackedLoader(conversations, { B, T, bosId, render });
const groups = parameterGroups([...model.parameters.values()], model.config.nEmbd, rates);
const optimizer = new Optimizer(device, groups);
const pass = new Pass(model, B, T, { training: true });
const loss = device.allocate("loss", [1]);

for (let step = 0; step < steps; step++) {
  const { x, y } = loader.next();
  pass.batch.write(x, y);
  model.zeroGradients();
  device.zero({ x: loss });
  pass.train(loss, 1);
  optimizer.step(lrMultiplier(step / steps, schedule), momentumCoefficient(step));
  console.log(`Step ${step + 1}: loss ${(await device.read(loss))[0].toFixed(4)}`);
}

const stateDict = model.stateDict();
const contents = { step: steps, modelConfig: model.config, stateDict, meta: {} };
const saved = await saveCheckpoint(baseDir, files.tag, contents);
console.log(`Saved ${saved.model}`);

const chat = new ChatSession(new Engine(model, tokenizer), tokenizer, { temperature: 0 });
const question = "When do you open?";
let answer = "";
for await (const event of chat.ask(question)) if (event.type === "text") answer += event.text;
console.log(`${question} ${answer}`);
await device.close();
