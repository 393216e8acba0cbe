/**
 * What a conversation becomes.
 *
 * @module
 */
import { join } from "@std/path";
import { DiskFolder } from "../checkpoint/disk/mod.ts";
import { loadConversation } from "../tasks/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { type OwnDataOptions, ownForm, type RunIo, whereModelsAre } from "../training/mod.ts";

/**
 * Prints a conversation's tokens, green where they are trained on.
 *
 * @param place A file of conversations, and after a colon which of them, from 1; the first unless
 * given.
 * @param options How the file is read.
 * @throws {UserError} when there is no such conversation.
 */
export async function inspectConversation(
  place: string,
  io: RunIo,
  options: Partial<OwnDataOptions> = {},
): Promise<void> {
  const [, path, number = "1"] = /^(.+?)(?::(\d+))?$/s.exec(place)!;
  const { baseDir, terminal } = await whereModelsAre(io);
  const tokenizer = await Tokenizer.load(new DiskFolder(join(baseDir, "tokenizer")));
  const how = ownForm(options);
  const conversation = await loadConversation(path, Number(number), how, io.signal);
  const rendered = tokenizer.renderConversation(conversation, Infinity);
  terminal.print(tokenizer.visualizeTokenization(rendered, { color: terminal.colors }));
  const trained = rendered.mask.filter((trained) => trained === 1).length;
  terminal.print(`${rendered.ids.length} tokens, of which ${trained} are trained on`);
}
