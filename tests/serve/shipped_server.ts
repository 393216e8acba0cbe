/** `serve` in a process of its own, with the base model that is shipped. */
import { fromFileUrl } from "@std/path";
import { ServerProcess } from "../../bench/serve/server_process.ts";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";

/** The base directory. */
export const BASE_DIR: string = fromFileUrl(new URL("../../data/base", import.meta.url));

/** The program. */
export const PROGRAM: string = fromFileUrl(new URL("../../mod.ts", import.meta.url));

/** What chooses the model and the device, for every command. */
export const MODEL_FLAGS: readonly string[] = "--source base --device-type cpu --threads 1".split(
  " ",
);

/** Its tokenizer. */
export const tokenizer: Tokenizer = await Tokenizer.load(new DiskFolder(`${BASE_DIR}/tokenizer`));

/** Fields of a request whose answers are as long as they may be. */
export const ENDLESS = {
  logit_bias: { [tokenizer.encodeSpecial("<|assistant_end|>")]: -100, [tokenizer.bosId]: -100 },
  max_tokens: 400,
};

/** Starts it. */
export function startShipped(...flags: string[]): Promise<ServerProcess> {
  return ServerProcess.start([PROGRAM, "serve", "--port", "0", ...MODEL_FLAGS, ...flags], {
    NANOCHAT_BASE_DIR: BASE_DIR,
  });
}
