/** Models whose words are known: a tiny random one, and one that says what it is told to. */
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import type { SamplingArgs } from "../../lib/device/mod.ts";
import { GPT } from "../../lib/model/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { Float64Device } from "../device/float64_device.ts";
import { data } from "../device/float64_tensor.ts";

/** The reference's tokenizer of 4096 tokens. */
export const tokenizer: Tokenizer = await Tokenizer.load(
  new DiskFolder(new URL("../fixtures/tokenizer", import.meta.url).pathname),
);

/** A model for {@link tokenizer} with arbitrary weights. */
export async function tinyModel(device = new Float64Device(), sequenceLen = 128): Promise<GPT> {
  const { vocabSize } = tokenizer;
  const shape = { nLayer: 2, nHead: 2, nKvHead: 1, nEmbd: 24, windowPattern: "SL" };
  const model = new GPT(device, { sequenceLen, vocabSize, ...shape });
  let state = 1;
  await model.load((_name, _start, count) =>
    Promise.resolve(Float32Array.from({ length: count }, () => {
      state = Math.imul(state, 1664525) + 1013904223 | 0;
      return state / 2 ** 31;
    }))
  );
  return model;
}

/** A device whose models say, row by row, what a script has, whatever their logits are. */
export class ScriptedDevice extends Float64Device {
  #step = 0;
  #script: readonly (readonly number[])[] = [];

  /** What each row says from now on; after its end it says token 0. */
  say(...script: (readonly number[])[]): void {
    this.#script = script;
    this.#step = 0;
  }

  override readonly sample = ({ out }: SamplingArgs): void => {
    data(out).forEach((_, row, tokens) => tokens[row] = this.#script[row]?.[this.#step] ?? 0);
    this.#step++;
  };
}
