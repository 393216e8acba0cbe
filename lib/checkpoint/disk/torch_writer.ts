import { basename, extname } from "@std/path";
import { sizeOf } from "../../shapes.ts";
import type { TensorSource } from "../../tensor_source.ts";
import { OrderedDict } from "../pickle_globals.ts";
import { PickleWriter } from "../pickle_writer.ts";
import { storageNames } from "../torch_file.ts";
import { StagedFile } from "./staged_file.ts";
import { byteLengthOf, bytesOfTensor, isTensorSource } from "./tensor_bytes.ts";
import { ZipWriter } from "./zip_writer.ts";

/** Version of the archive format: the `version` record torch.save writes. */
const ARCHIVE_VERSION = "3\n";

/**
 * Writes a file that `torch.load` reads, with `weights_only=True` too.
 *
 * The value is a tree of dicts and lists: a `Map` or plain object becomes a dict, an `OrderedDict`
 * stays one, an array becomes a list, an integral number an int; leaves are numbers, bigints,
 * strings, booleans, null and tensors ({@linkcode TensorSource}, a `StoredTensor` too).
 *
 * Tensors are produced, written and let go slice by slice. The file appears under its name only when
 * it is complete.
 *
 * @throws {UserError} if the file cannot be written.
 * @throws {TypeError} if the tree holds something else; the message names its place.
 *
 * @example
 * ```ts
 * import { openTorchFile, writeTorchFile } from "@nanochat/sft/checkpoint/disk";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * await writeTorchFile(path, { step: 3, betas: [0.8, 0.95] });
 * using file = await openTorchFile(path);
 * assertEquals(file.root, new Map<string, unknown>([["step", 3], ["betas", [0.8, 0.95]]]));
 * ```
 */
export async function writeTorchFile(path: string, root: unknown): Promise<void> {
  await using file = await StagedFile.create(path);
  await writeTorchArchive(file, root);
  await file.commit();
}

/** Writes the archive into a staged file and leaves it uncommitted. */
export async function writeTorchArchive(file: StagedFile, root: unknown): Promise<void> {
  const name = basename(file.path, extname(file.path));
  const tree = new TreePickler();
  const pickle = tree.pickle(root);
  const zip = new ZipWriter(file);
  const text = new TextEncoder();
  await zip.add(`${name}/data.pkl`, pickle);
  await zip.add(`${name}/byteorder`, text.encode("little"));
  for (const [key, { label, tensor }] of tree.tensors.entries()) {
    const bytes = bytesOfTensor(label, tensor);
    await zip.addParts(`${name}/data/${key}`, byteLengthOf(tensor), bytes);
  }
  await zip.add(`${name}/version`, text.encode(ARCHIVE_VERSION));
  await zip.finish();
}

/** Pickles a tree, numbering the tensors it meets. */
class TreePickler {
  readonly tensors: { label: string; tensor: TensorSource }[] = [];
  readonly #out = new PickleWriter(2);

  pickle(root: unknown): Uint8Array {
    this.#value(root, "root");
    return this.#out.stop();
  }

  #value(value: unknown, label: string): void {
    const out = this.#out;
    if (value === null || typeof value === "boolean") out.constant(value);
    else if (typeof value === "number") out.number(value);
    else if (typeof value === "bigint") out.bigint(value);
    else if (typeof value === "string") out.text(value);
    else if (isTensorSource(value)) this.#tensor(value, label);
    else if (Array.isArray(value)) {
      out.emptyList().mark();
      value.forEach((item, i) => this.#value(item, `${label}.${i}`));
      out.appends();
    } else if (value instanceof OrderedDict) {
      this.#orderedDict();
      this.#items(value, label);
    } else if (value instanceof Map) {
      out.emptyDict();
      this.#items(value, label);
    } else if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
      out.emptyDict();
      this.#items(Object.entries(value as object), label);
    } else {
      throw new TypeError(`${label}: a ${typeof value} of this kind cannot be saved`);
    }
  }

  #orderedDict(): void {
    this.#out.global("collections", "OrderedDict").mark().tuple().reduce();
  }

  #items(entries: Iterable<[unknown, unknown]>, label: string): void {
    this.#out.mark();
    for (const [key, value] of entries) {
      this.#value(key, `${label} key`);
      this.#value(value, `${label}.${key}`);
    }
    this.#out.setItems();
  }

  /** A call of torch's rebuild function on a storage given by persistent id. */
  #tensor(tensor: TensorSource, label: string): void {
    const out = this.#out;
    const [module, storageClass] = storageNames[tensor.dtype].split(".");
    const count = sizeOf(tensor.shape);
    out.global("torch._utils", "_rebuild_tensor_v2").mark();
    out.mark().text("storage").global(module, storageClass);
    out.text(String(this.tensors.length)).text("cpu").number(count).tuple().persistentId();
    out.number(0);
    this.#sizes(tensor.shape);
    this.#sizes(tensor.shape.map((_, i) => sizeOf(tensor.shape.slice(i + 1))));
    out.constant(false);
    this.#orderedDict(); // no backward hooks
    out.tuple().reduce();
    this.tensors.push({ label, tensor });
  }

  #sizes(sizes: readonly number[]): void {
    this.#out.mark();
    for (const size of sizes) this.#out.number(size);
    this.#out.tuple();
  }
}
