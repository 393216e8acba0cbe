/**
 * nanochat's tokenizer out of a `tokenizer.json`.
 */
import { UserError } from "../errors.ts";
import { isRecord } from "../json.ts";
import { Tokenizer } from "../tokenizer/mod.ts";
import { fromLetters } from "./byte_letters.ts";
import { type Merge, mergesOf } from "./merges.ts";

/** Makes the error of a file that is no such tokenizer. */
type Refuse = (why: string) => UserError;

/**
 * Reads a tokenizer. Its ids must be what tiktoken gives with the ids as ranks, which is checked.
 *
 * @param json The file as parsed.
 * @param path What error messages call it.
 * @throws {UserError} if it is another kind of tokenizer; says what is different.
 */
export function readTokenizerJson(json: unknown, path: string): Tokenizer {
  const refuse: Refuse = (why) => new UserError(`${path} is no tokenizer of nanochat: ${why}`);
  const { model, added_tokens: added, normalizer, pre_tokenizer: split } = Object(json);
  const { type, vocab, merges } = Object(model);
  if (type !== "BPE" || !isRecord(vocab) || !Array.isArray(merges) || !Array.isArray(added)) {
    throw refuse("it is not byte pair encoding with a vocabulary, merges and added tokens");
  }
  if (normalizer) throw refuse("it normalises text");
  for (const key of ["dropout", "continuing_subword_prefix", "end_of_word_suffix"]) {
    if (model[key]) throw refuse(`its model has ${key}`);
  }
  const specialTokens = readSpecialTokens(added, refuse);
  const tokens = readTokens(vocab, specialTokens, refuse);
  checkMerges(tokens, merges, refuse);
  const bytes = tokens.map((token) => Uint8Array.from(token, (letter) => letter.charCodeAt(0)));
  return new Tokenizer({ pattern: readPattern(split, refuse), tokens: bytes, specialTokens });
}

/** The added tokens by name, in the order of their ids. */
function readSpecialTokens(added: readonly unknown[], refuse: Refuse): Map<string, number> {
  const tokens = added.map((token): [string, number] => {
    const { id, content } = Object(token);
    if (typeof content !== "string" || !Number.isSafeInteger(id)) {
      throw refuse("an added token has no name or id");
    }
    return [content, id];
  });
  return new Map(tokens.sort(([, a], [, b]) => a - b));
}

/** The bytes of the tokens as Latin-1 text, by their ids, which must count up from 0. */
function readTokens(
  vocab: Record<string, unknown>,
  specialTokens: ReadonlyMap<string, number>,
  refuse: Refuse,
): string[] {
  const ordinary = Object.entries(vocab).filter(([letters]) => !specialTokens.has(letters));
  const tokens = new Array<string>(ordinary.length);
  for (const [letters, id] of ordinary) {
    const token = fromLetters(letters);
    if (token === undefined) throw refuse(`${JSON.stringify(letters)} does not stand for bytes`);
    const fits = Number.isInteger(id) && Number(id) >= 0 && Number(id) < tokens.length;
    if (!fits || tokens[Number(id)] !== undefined) {
      throw refuse(`the id ${id} does not fit: ${tokens.length} tokens must count up from 0`);
    }
    tokens[Number(id)] = token;
  }
  return tokens;
}

/**
 * Checks that merges join what tiktoken joins, in its order. A converter may list further ways to
 * a token, which tiktoken has too.
 */
function checkMerges(tokens: readonly string[], merges: readonly unknown[], refuse: Refuse): void {
  const rankOf = new Map(tokens.map((token, rank) => [token, rank]));
  const listed = new Set<string>();
  let last = -1;
  for (const merge of merges) {
    const { left, right } = readMerge(merge, refuse);
    const rank = rankOf.get(left + right);
    if (rank === undefined || !rankOf.has(left) || !rankOf.has(right)) {
      throw refuse(`it merges ${JSON.stringify(merge)}, of which one is no token`);
    }
    if (rank < last) {
      throw refuse(`its merges are not in the order of ids at ${JSON.stringify(merge)}`);
    }
    last = rank;
    listed.add(keyOf({ left, right }));
  }
  const missing = mergesOf(tokens).find((merge) => !listed.has(keyOf(merge)));
  if (missing) {
    throw refuse(`no merge makes its token ${rankOf.get(missing.left + missing.right)}`);
  }
}

const keyOf = ({ left, right }: Merge) => `${left.length} ${left}${right}`;

/** A merge: a list of two tokens, or in older files both with a space between. */
function readMerge(merge: unknown, refuse: Refuse): Merge {
  const parts = typeof merge === "string" ? merge.split(" ") : merge;
  if (!Array.isArray(parts) || parts.length !== 2) {
    throw refuse(`${JSON.stringify(merge)} is no merge`);
  }
  const [left, right] = parts.map((part) => fromLetters(String(part)));
  if (left === undefined || right === undefined) {
    throw refuse(`the merge ${JSON.stringify(merge)} does not stand for bytes`);
  }
  return { left, right };
}

/** The split pattern: text is split by it and by nothing else, and its bytes are taken as they are. */
function readPattern(preTokenizer: unknown, refuse: Refuse): string {
  const { type, pretokenizers } = Object(preTokenizer);
  const [split, bytes, ...more] = type === "Sequence" && Array.isArray(pretokenizers)
    ? pretokenizers
    : [];
  const pattern = split?.pattern?.Regex;
  const isSplit = split?.type === "Split" && split.behavior === "Isolated" && !split.invert;
  const isBytes = bytes?.type === "ByteLevel" && bytes.use_regex === false &&
    bytes.add_prefix_space === false;
  if (!isSplit || !isBytes || more.length > 0 || typeof pattern !== "string") {
    throw refuse("it does not split text by one pattern and take its bytes");
  }
  return pattern;
}
