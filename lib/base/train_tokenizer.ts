/**
 * Making a tokenizer from text files.
 *
 * @module
 */
import { join } from "@std/path";
import { DiskFolder } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import { holds, modelFolders, type RunIo } from "../training/mod.ts";
import { type Tokenizer, trainTokenizer } from "../tokenizer/mod.ts";
import { Progress, type Terminal } from "../tracking/mod.ts";
import { readDocuments } from "./documents.ts";

/** Options of {@linkcode runTokTrain}, each a flag of the same name. */
export interface TokTrainOptions {
  /** Tokens wanted, bytes and special tokens included. */
  vocabSize: number;
  /** Characters read at most. */
  maxChars: number;
  /** The folder to write; `tokenizer` in the base directory unless given. */
  out: string | undefined;
}

/**
 * Trains a tokenizer on the documents of text files and writes it. In the base directory, one that
 * models were trained with is kept beside.
 *
 * @param files Text files, see {@link readDocuments}.
 * @throws {UserError} if a file cannot be read, the vocabulary is too small, or there is no text.
 */
export async function runTokTrain(
  files: readonly string[],
  options: TokTrainOptions,
  io: Pick<RunIo, "terminal" | "baseDir" | "signal">,
): Promise<Tokenizer> {
  const { vocabSize, maxChars, out } = options;
  const { terminal, baseDir } = io;
  const reading = new Progress(terminal, { label: "Reading", unit: "characters" });
  let merging: Progress | undefined, characters = 0;

  async function* texts(): AsyncGenerator<string> {
    for await (const document of readDocuments(files, io.signal)) {
      const text = document.slice(0, maxChars - characters);
      characters += text.length;
      reading.update(characters);
      yield text;
      if (characters >= maxChars) return;
    }
  }
  const tokenizer = await trainTokenizer(texts(), {
    vocabSize,
    signal: io.signal,
    onProgress: (done, total) => {
      merging ??= new Progress(terminal, { label: "Merging", total, unit: "tokens" });
      merging.update(done);
    },
  });
  terminal.status("");
  if (characters === 0) throw new UserError(`${files.join(", ")}: there is no text to learn from`);
  if (tokenizer.vocabSize < vocabSize) {
    terminal.warn(`the text has no more pairs: ${tokenizer.vocabSize} tokens, not ${vocabSize}`);
  }
  const folder = out ?? join(baseDir, "tokenizer");
  if (out === undefined) await keepEarlier(folder, baseDir, terminal);
  await tokenizer.save(new DiskFolder(folder));
  terminal.print(
    `Saved a tokenizer of ${tokenizer.vocabSize} tokens, made from ` +
      `${characters.toLocaleString("en-US")} characters, in ${folder}`,
  );
  return tokenizer;
}

/** Keeps a tokenizer that models were trained with, under another name beside. */
async function keepEarlier(folder: string, baseDir: string, terminal: Terminal): Promise<void> {
  const models = await Promise.all(modelFolders().map((name) => holds(baseDir, name)));
  if (!models.includes(true) || !await holds(folder, "tokenizer.pkl")) return;
  let number = 1;
  while (await holds(baseDir, `tokenizer.${number}`)) number++;
  const kept = join(baseDir, `tokenizer.${number}`);
  try {
    await Deno.rename(folder, kept);
  } catch (error) {
    const { message } = error as Error;
    throw new UserError(`${folder} cannot be kept as ${kept}: ${message}`, { cause: error });
  }
  terminal.warn(
    `the models in ${baseDir} need the tokenizer that they were trained with: it is kept as ${kept}`,
  );
}
