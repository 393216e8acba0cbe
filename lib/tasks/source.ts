import type { Rows } from "./rows.ts";

/** Where datasets come from: files here, the hub, or samples inside the package. */
export interface DatasetSource {
  /**
   * All rows of one split, in the dataset's own order.
   *
   * @param repo Name on the Hugging Face hub, such as `openai/gsm8k`.
   * @param subset Its configuration, such as `main`.
   * @param split Its split, such as `train`.
   * @throws {UserError} If the dataset is not to be had or is damaged.
   */
  rows(repo: string, subset: string, split: string): Promise<Rows>;

  /**
   * The bytes of a single file beside the datasets: `words_alpha.txt` or
   * `identity_conversations.jsonl`.
   *
   * @throws {UserError} If the file is not to be had.
   */
  open(name: string): Promise<ReadableStream<Uint8Array>>;
}
