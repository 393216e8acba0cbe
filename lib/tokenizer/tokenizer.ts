import type { Folder, WritableFolder } from "../checkpoint/mod.ts";
import type { Conversation } from "../conversation.ts";
import { UserError } from "../errors.ts";
import { renderConversation, type RenderedConversation, renderForCompletion } from "./chat.ts";
import type { TokenizerData } from "./data.ts";
import { readTokenizer, writeTokenizer } from "./files.ts";
import { Merger } from "./merge.ts";
import type { SpecialToken } from "./special_tokens.ts";
import { compileSplitPattern, pieceEnd } from "./split.ts";
import { StreamingDecoder } from "./streaming_decoder.ts";
import { visualizeTokens } from "./visualize.ts";

/** Merged pieces remembered; when there are more the memory starts anew. */
const MAX_REMEMBERED_PIECES = 1 << 16;
/** Longer pieces hardly ever come twice. */
const MAX_REMEMBERED_LENGTH = 64;

/**
 * nanochat's tokenizer: byte-level byte pair encoding with tiktoken's semantics, special tokens
 * and the chat format.
 *
 * @example
 * ```ts
 * import { DiskFolder } from "@nanochat/sft/checkpoint/disk";
 * import { Tokenizer, trainTokenizer } from "@nanochat/sft/tokenizer";
 * import { assertEquals } from "@std/assert";
 *
 * const folder = new DiskFolder(await Deno.makeTempDir());
 * const trained = await trainTokenizer(["hello world, hello"], { vocabSize: 280 });
 * await trained.save(folder); // or a folder that nanochat wrote
 *
 * const tokenizer = await Tokenizer.load(folder);
 * assertEquals(tokenizer.decode(tokenizer.encode("hello 🙂")), "hello 🙂");
 * ```
 */
export class Tokenizer {
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** The special tokens' ids by name. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** How many bytes of text each id stands for (vocabSize entries, int32), 0 for specials. */
  readonly tokenBytes: Int32Array<ArrayBuffer>;
  /** The split pattern, in the dialect of Rust's `fancy-regex`. */
  readonly pattern: string;

  #tokens: Uint8Array[];
  #specialsStart: number;
  #splitter: RegExp;
  #merger: Merger;
  #wholePieces = new Map<string, number>();
  #mergedPieces = new Map<string, number[]>();

  /**
   * Builds a tokenizer from its vocabulary.
   *
   * @throws {UserError} If a byte has no token, special ids do not follow the others, `tokenBytes`
   * has another length than the vocabulary, or the pattern cannot be used.
   */
  constructor(data: TokenizerData) {
    this.pattern = data.pattern;
    this.specialTokens = data.specialTokens;
    this.#splitter = compileSplitPattern(data.pattern);
    this.#merger = new Merger(data.tokens);

    const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    data.tokens.forEach((bytes, id) => {
      try {
        this.#wholePieces.set(utf8.decode(bytes), id);
      } catch {
        // Not text by itself, so never a whole piece of text.
      }
    });

    this.#tokens = [...data.tokens];
    this.#specialsStart = data.tokens.length;
    this.vocabSize = data.tokens.length + data.specialTokens.size;
    for (const [name, id] of data.specialTokens) {
      if (
        !Number.isInteger(id) || id < this.#specialsStart || id >= this.vocabSize ||
        this.#tokens[id]
      ) {
        throw new UserError(
          `the special token ${name} has id ${id}; special tokens must follow the ` +
            `${data.tokens.length} others without gaps`,
        );
      }
      this.#tokens[id] = utf8Bytes.encode(name);
    }
    this.tokenBytes = data.tokenBytes ??
      Int32Array.from({ length: this.vocabSize }, (_, id) => data.tokens[id]?.length ?? 0);
    if (this.tokenBytes.length !== this.vocabSize) {
      throw new UserError(
        `token_bytes.pt has ${this.tokenBytes.length} entries and the tokenizer ` +
          `${this.vocabSize} tokens; without that file they are counted`,
      );
    }
  }

  /**
   * Reads `tokenizer.pkl` and, if it is there, `token_bytes.pt` from a folder: one on a disk is
   * `DiskFolder` of `@nanochat/sft/checkpoint/disk`.
   *
   * @throws {UserError} If `tokenizer.pkl` is missing or a file is not what its name says.
   */
  static async load(folder: Folder): Promise<Tokenizer> {
    const data = await readTokenizer(folder);
    try {
      return new Tokenizer(data);
    } catch (error) {
      if (error instanceof UserError) error.message = `${folder.name}: ${error.message}`;
      throw error;
    }
  }

  /**
   * Writes `tokenizer.pkl` and `token_bytes.pt`, as nanochat reads them, into a folder.
   *
   * @throws {UserError} If they cannot be written.
   */
  async save(folder: WritableFolder): Promise<void> {
    await writeTokenizer(folder, {
      pattern: this.pattern,
      tokens: this.#tokens.slice(0, this.#specialsStart),
      specialTokens: this.specialTokens,
      tokenBytes: this.tokenBytes,
    });
  }

  /** The id of `<|bos|>`, which begins every document. */
  get bosId(): number {
    return this.encodeSpecial("<|bos|>");
  }

  /**
   * The id of a special token.
   *
   * @throws {UserError} If this tokenizer has no such token.
   */
  encodeSpecial(name: SpecialToken): number {
    const id = this.specialTokens.get(name);
    if (id === undefined) throw new UserError(`the tokenizer has no special token ${name}`);
    return id;
  }

  /**
   * Encodes text. Special tokens spelled in it are ordinary text, and a lone surrogate counts as
   * U+FFFD.
   */
  encode(text: string): number[] {
    return this.encodeInParts(text, Infinity).next().value ?? [];
  }

  /**
   * Encodes text as {@linkcode encode} does, but gives the ids of about so many characters at a
   * time: the whole of a long text takes its time.
   */
  *encodeInParts(text: string, characters: number): Generator<number[], undefined> {
    const wellFormed = text.toWellFormed();
    for (let start = 0, end = 0; start < wellFormed.length;) {
      const ids: number[] = [];
      const stop = Math.min(wellFormed.length, start + characters);
      for (; start < stop; start = end) {
        end = pieceEnd(wellFormed, start, this.#splitter);
        const piece = wellFormed.slice(start, end);
        const whole = this.#wholePieces.get(piece);
        if (whole !== undefined) ids.push(whole);
        else for (const id of this.#mergedPieces.get(piece) ?? this.#merge(piece)) ids.push(id);
      }
      yield ids;
    }
  }

  #merge(piece: string): number[] {
    const bytes = utf8Bytes.encode(piece);
    const ids = this.#merger.merge(bytes);
    if (piece.length <= MAX_REMEMBERED_LENGTH) {
      if (this.#mergedPieces.size === MAX_REMEMBERED_PIECES) this.#mergedPieces.clear();
      // A slice keeps the whole text it was cut from alive; a fresh string does not.
      this.#mergedPieces.set(utf8Text.decode(bytes), ids);
    }
    return ids;
  }

  /**
   * The bytes that ids stand for; a special token's are its name.
   *
   * @throws {RangeError} If an id is not in the vocabulary.
   */
  decodeBytes(ids: Iterable<number>): Uint8Array {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (const id of ids) {
      const bytes = this.#bytesOf(id);
      parts.push(bytes);
      length += bytes.length;
    }
    const joined = new Uint8Array(length);
    let at = 0;
    for (const bytes of parts) {
      joined.set(bytes, at);
      at += bytes.length;
    }
    return joined;
  }

  /**
   * The text that ids stand for; bytes that are not UTF-8 become U+FFFD.
   *
   * @throws {RangeError} If an id is not in the vocabulary.
   */
  decode(ids: Iterable<number>): string {
    return utf8Text.decode(this.decodeBytes(ids));
  }

  /** A decoder for tokens that arrive one by one. */
  streamingDecoder(): StreamingDecoder {
    return new StreamingDecoder((id) => this.#bytesOf(id));
  }

  #bytesOf(id: number): Uint8Array {
    const bytes = this.#tokens[id];
    if (!bytes) {
      throw new RangeError(`token id ${id} is not in the vocabulary of ${this.vocabSize}`);
    }
    return bytes;
  }

  /**
   * Renders a conversation for training: `<|bos|>`, then each turn between its start and end
   * token. A system message is put before the first user turn's text, with an empty line between.
   * Trained on are the assistant's text, its Python calls and its end token.
   *
   * @param maxTokens What is longer is cut here.
   * @throws {UserError} If roles do not alternate or contents have another type; names the message.
   */
  renderConversation(conversation: Conversation, maxTokens = 2048): RenderedConversation {
    return renderConversation(this, conversation, maxTokens);
  }

  /**
   * Renders a conversation without its last message, the assistant's, and begins that anew: the
   * prompt from which a model completes the answer.
   *
   * @param maxTokens What is longer, before the final `<|assistant_start|>`, is cut here.
   * @throws {UserError} As {@linkcode renderConversation}, and if the last message is not the
   * assistant's.
   */
  renderForCompletion(conversation: Conversation, maxTokens = 2048): number[] {
    return renderForCompletion(this, conversation, maxTokens);
  }

  /**
   * A view of which tokens are trained on, for the terminal.
   *
   * @param options `color` (default true): green for trained, red for not; without colours trained
   * tokens stand in `⟦⟧`.
   */
  visualizeTokenization(
    { ids, mask }: RenderedConversation,
    options: { color?: boolean } = {},
  ): string {
    return visualizeTokens(ids.map((id) => this.decode([id])), mask, options.color ?? true);
  }
}

const utf8Bytes = new TextEncoder();
const utf8Text = new TextDecoder("utf-8", { ignoreBOM: true });
