import { UserError } from "../errors.ts";
import type { StoredDType } from "../tensor_source.ts";
import { quote } from "./byte_reader.ts";
import { type ByteSource, readAll } from "./byte_source.ts";
import { bytesPerElement } from "./dtype.ts";
import { unpickle } from "./pickle.ts";
import { NamedGlobal, type PickleGlobal } from "./pickle_globals.ts";
import { StoredTensor } from "./stored_tensor.ts";
import { readZipDirectory, type ZipEntry } from "./zip_directory.ts";
import { ZipEntrySource } from "./zip_entry_source.ts";

/** The names under which torch pickles the element types that are read here. */
export const storageNames: Readonly<Record<StoredDType, string>> = {
  float32: "torch.FloatStorage",
  float16: "torch.HalfStorage",
  bfloat16: "torch.BFloat16Storage",
  float64: "torch.DoubleStorage",
  int32: "torch.IntStorage",
  int64: "torch.LongStorage",
  uint8: "torch.ByteStorage",
  bool: "torch.BoolStorage",
};

/** A storage as a pickle refers to it. */
class Storage {
  constructor(readonly dtype: StoredDType, readonly length: number, readonly source: ByteSource) {}
}

/** A tensor as a pickle describes it, before its name is known. */
class TensorView {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

/**
 * A file that `torch.save` wrote (the zip format of PyTorch 1.6 and later).
 *
 * Opening reads the directory and the pickled tree, no tensor. The tree holds a
 * {@linkcode StoredTensor} for each tensor, readable until the file is closed.
 *
 * @example
 * ```ts
 * import { BlobSource, StoredTensor, tensorFromArray, TorchFile } from "@nanochat/sft/checkpoint";
 * import { writeTorchFile } from "@nanochat/sft/checkpoint/disk";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile();
 * const weight = tensorFromArray("float32", [2], Float32Array.of(1, 2));
 * await writeTorchFile(path, { weight });
 * const blob = new Blob([await Deno.readFile(path)]); // or a file chosen in a browser
 * using file = await TorchFile.open(new BlobSource("model.pt", blob));
 * const stored = (file.root as Map<string, StoredTensor>).get("weight")!;
 * assertEquals(await stored.readFloat32(), Float32Array.of(1, 2));
 * ```
 */
export class TorchFile implements Disposable {
  private constructor(
    /** What error messages call it: the path it was opened with, for example. */
    readonly name: string,
    /** The saved value: `Map`, arrays, numbers, … with {@linkcode StoredTensor} leaves. */
    readonly root: unknown,
    private readonly source: ByteSource,
  ) {}

  /**
   * Opens a file.
   *
   * @param source Its bytes, closed with the file, or at once if it cannot be opened.
   * @throws {UserError} if it is truncated, not written by torch, holds anything but
   * tensors (float32, float16, bfloat16, float64, int32, int64, uint8, bool) and plain values, or
   * its pickle asks for any other constructor.
   */
  static async open(source: ByteSource): Promise<TorchFile> {
    try {
      return new TorchFile(source.name, await readRoot(source), source);
    } catch (error) {
      source[Symbol.dispose]();
      throw error;
    }
  }

  /** Closes the file; its tensors cannot be read after that. */
  close(): void {
    this.source[Symbol.dispose]();
  }

  /** As {@linkcode TorchFile.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

async function readRoot(source: ByteSource): Promise<unknown> {
  const entries = await readZipDirectory(source);
  // Everything lies in one folder, named after the file as it was first saved.
  const pickleName = entries.keys().find((name) => /^[^/]*\/data\.pkl$/.test(name));
  if (pickleName === undefined) {
    throw new UserError(`${source.name}: is a zip archive, but not one torch.save wrote`);
  }
  const folder = pickleName.slice(0, -"data.pkl".length);
  const byteorder = entries.get(folder + "byteorder");
  if (byteorder !== undefined) {
    const order = new TextDecoder().decode(await readEntry(source, byteorder));
    if (order !== "little") {
      throw new UserError(`${source.name}: was written by a ${quote(order)}-endian machine`);
    }
  }
  const root = unpickle(await readEntry(source, entries.get(pickleName)!), {
    source: source.name,
    globals,
    persistentLoad: (id) => resolveStorage(id, source, entries, folder),
  });
  return nameTensors(root);
}

async function readEntry(source: ByteSource, entry: ZipEntry): Promise<Uint8Array> {
  if (!entry.isStored) {
    throw new UserError(
      `${source.name}: its entry ${quote(entry.name)} is compressed, unlike torch's`,
    );
  }
  return await readAll(new ZipEntrySource(source, entry));
}

const dtypes = new Map(
  Object.entries(storageNames).map(([dtype, name]) => [name, dtype as StoredDType]),
);

const globals: Readonly<Record<string, PickleGlobal>> = {
  // Only named, inside persistent ids; never called.
  ...Object.fromEntries(dtypes.keys().map((name) => [name, {}])),
  "torch._utils._rebuild_tensor_v2": {
    construct([storage, offset, shape, strides]) {
      if (
        !(storage instanceof Storage) || typeof offset !== "number" || !isSizes(shape) ||
        !isSizes(strides) || shape.length !== strides.length
      ) {
        throw new UserError("malformed tensor");
      }
      return new TensorView(storage, offset, shape, strides);
    },
  },
  "torch._utils._rebuild_parameter": {
    construct([tensor]) {
      if (!(tensor instanceof TensorView)) throw new UserError("malformed parameter");
      return tensor;
    },
  },
};

/** Torch allows no more dimensions; a bound also for pickles that pass one long list often. */
const MAX_DIMENSIONS = 64;

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MAX_DIMENSIONS &&
    value.every((size) => typeof size === "number");
}

/** A persistent id of torch is `("storage", class, key, device, number of elements)`. */
function resolveStorage(
  id: unknown,
  source: ByteSource,
  entries: ReadonlyMap<string, ZipEntry>,
  folder: string,
): Storage {
  const [kind, storageClass, key, , length] = Array.isArray(id) ? id : [];
  const dtype = storageClass instanceof NamedGlobal ? dtypes.get(storageClass.name) : undefined;
  const isStorage = kind === "storage" && typeof key === "string" && Number.isSafeInteger(length);
  if (!isStorage || dtype === undefined || length < 0) {
    throw new UserError(`${source.name}: its pickle refers to something other than tensor data`);
  }
  const entry = entries.get(`${folder}data/${key}`);
  if (entry === undefined || entry.size < length * bytesPerElement(dtype) || !entry.isStored) {
    throw new UserError(
      `${source.name}: the data ${quote(key)} of a tensor is missing or cut short`,
    );
  }
  return new Storage(dtype, length, new ZipEntrySource(source, entry));
}

/**
 * Puts a `StoredTensor` in place of each `TensorView` of a tree, named by its path
 * (`state.0.exp_avg`). Without recursion, and each container once: a pickle may nest without end
 * and contain itself.
 */
function nameTensors(root: unknown): unknown {
  const seen = new Set<unknown>();
  const open: { container: unknown; path: string }[] = [];
  const visit = (value: unknown, path: string): unknown => {
    if (value instanceof TensorView) return storedTensor(value, path || "at the root");
    if ((Array.isArray(value) || value instanceof Map) && !seen.has(value)) {
      seen.add(value);
      open.push({ container: value, path: path && path + "." });
    }
    return value;
  };
  const result = visit(root, "");
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { container, path } = next;
    if (Array.isArray(container)) {
      container.forEach((value, i) => container[i] = visit(value, `${path}${i}`));
    } else if (container instanceof Map) {
      for (const [key, value] of container) {
        const label = typeof key === "string" || typeof key === "number" ? key : "?";
        container.set(key, visit(value, `${path}${label}`));
      }
    }
  }
  return result;
}

function storedTensor(view: TensorView, name: string): StoredTensor {
  const { storage, offset, shape, strides } = view;
  return new StoredTensor(name, storage.dtype, shape, {
    source: storage.source,
    storageStart: 0,
    storageLength: storage.length,
    storageOffset: offset,
    strides,
  });
}
