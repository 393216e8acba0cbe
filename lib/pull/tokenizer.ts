/**
 * The tokenizer of a repository, and that of the base directory that it goes to: all models there
 * share one.
 *
 * @module
 */
import { join } from "@std/path";
import { DiskFolder } from "../checkpoint/disk/mod.ts";
import { UserError } from "../errors.ts";
import type { ModelRepository } from "../hub/mod.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import type { Terminal } from "../tracking/mod.ts";
import type { Gathering } from "./gathering.ts";
import { nearestFile } from "./models.ts";

const FOLDER = "tokenizer";
const ENCODING = "tokenizer.pkl";
const TOKEN_BYTES = "token_bytes.pt";

/** A tokenizer that models are placed with. */
export interface PulledTokenizer {
  /** Its tokens, special ones too. */
  vocabSize: number;
  /** Puts it in the base directory, where it is not there yet. */
  place(): Promise<void>;
}

/**
 * Fetches the tokenizer of a repository's model and compares it with the base directory's.
 *
 * @param folder The model's folder in the repository.
 * @param baseDir Where it goes.
 * @param ownBaseDir A base directory that this model could have for itself.
 * @throws {UserError} if there is none, or the base directory has another.
 */
export async function pullTokenizer(
  { name, files }: ModelRepository,
  folder: string,
  gathering: Gathering,
  { baseDir, ownBaseDir, terminal }: { baseDir: string; ownBaseDir: string; terminal: Terminal },
): Promise<PulledTokenizer> {
  const place = join(baseDir, FOLDER);
  const there = await readIfThere(join(place, ENCODING));
  const encoding = nearestFile(files, folder, [ENCODING, FOLDER]);
  if (encoding === undefined) {
    const lacks = `${name} has no tokenizer (${ENCODING})`;
    if (there === undefined) {
      throw new UserError(
        `${lacks}: place the one that its model was trained with in ${place}, and try again`,
      );
    }
    terminal.warn(`${lacks}: its model is taken to be of the one in ${place}`);
    return {
      vocabSize: (await Tokenizer.load(new DiskFolder(place))).vocabSize,
      place: async () => {},
    };
  }
  const bytes = await Deno.readFile(await gathering.fetch(encoding, ENCODING));
  if (there !== undefined && !isSame(bytes, there)) {
    throw new UserError(
      `${place} is another tokenizer than that of ${name}, and the models there need it: fetch ` +
        `this one into a base directory of its own, with NANOCHAT_BASE_DIR=${ownBaseDir}`,
    );
  }
  const tokenBytes = nearestFile(files, folder, [TOKEN_BYTES, FOLDER]);
  const tokenBytesPath = tokenBytes && await gathering.fetch(tokenBytes, TOKEN_BYTES);
  const { vocabSize } = await Tokenizer.load(new DiskFolder(gathering.folder));
  return {
    vocabSize,
    place: async () => {
      if (there !== undefined) return;
      const target = new DiskFolder(place);
      if (tokenBytesPath) {
        await target.writeBytes(TOKEN_BYTES, await Deno.readFile(tokenBytesPath));
      }
      // Last, for it is what a tokenizer is looked for by.
      await target.writeBytes(ENCODING, bytes);
    },
  };
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
