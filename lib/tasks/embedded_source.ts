import { UserError } from "../errors.ts";
import { readJsonRows } from "./files.ts";
import { CompactRows, type Rows } from "./rows.ts";
import type { DatasetSource } from "./source.ts";

const SAMPLES = new URL("../../data/samples/", import.meta.url);

/**
 * Small samples of every dataset, which ship with the package (`data/samples/`; `data/README.md`
 * says what they are). They lie beside the program's files, so a program that runs from JSR reads
 * them from there.
 *
 * @example
 * ```ts
 * import { EmbeddedSource, GSM8K } from "@nanochat/sft/tasks";
 * import { assertEquals } from "@std/assert";
 *
 * const task = await GSM8K.load(new EmbeddedSource(), { split: "test" });
 * assertEquals(task.length, 100);
 * ```
 */
export class EmbeddedSource implements DatasetSource {
  /**
   * The rows of a split's sample.
   *
   * @throws {UserError} If there is no sample of it.
   */
  async rows(repo: string, subset: string, split: string): Promise<Rows> {
    const name = `${repo} (${subset}, ${split}), sample`;
    const rows = new CompactRows(name);
    const path = `${repo.replace("/", "--")}/${subset}/${split}.jsonl`;
    await readJsonRows(await this.open(path), name, rows);
    return rows;
  }

  /**
   * Opens the sample of a single file.
   *
   * @throws {UserError} If there is none.
   */
  async open(name: string): Promise<ReadableStream<Uint8Array>> {
    const url = new URL(`${name}.gz`, SAMPLES);
    let reason = "";
    try {
      const response = await fetch(url);
      if (response.ok) return response.body!.pipeThrough(new DecompressionStream("gzip"));
      reason = `status ${response.status}`;
      await response.body?.cancel();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      reason = error.message;
    }
    throw new UserError(`cannot read the sample ${url}: ${reason}`);
  }
}
