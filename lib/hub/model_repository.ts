/** The files of a model's repository on the hub. */

import { UserError } from "../errors.ts";
import { HttpError, StatusError } from "./http.ts";
import type { Hub } from "./hub.ts";

/** A file of a repository. */
export interface RepositoryFile {
  /** Where it lies in the repository, with `/` between folders. */
  path: string;
  /** Where it is fetched from: one version of the repository, whatever is pushed meanwhile. */
  url: string;
  /** Length in bytes, if the hub says. */
  size?: number;
  /** SHA-256, which the hub says of large files. */
  sha256?: string;
  /** Git's name for the content, which it says of small ones. */
  blobId?: string;
}

/** A repository as it was when it was listed. */
export interface ModelRepository {
  /** Its name, as `karpathy/nanochat-d32`. */
  name: string;
  /** Where a person sees it. */
  page: string;
  /** Its files, those aside whose names are of characters that no checkpoint's have. */
  files: RepositoryFile[];
}

/**
 * Checks that a text can be the name of a repository.
 *
 * @throws {UserError} if it is not OWNER/NAME.
 */
export function checkRepositoryName(name: string): void {
  if (/^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(name)) return;
  throw new UserError(
    `${JSON.stringify(name)} is no model on the hub: write OWNER/NAME, as karpathy/nanochat-d32`,
  );
}

/**
 * Lists a model's repository.
 *
 * @throws {UserError} if there is none of that name, or it is not open to this person.
 * @throws {HttpError} if the hub cannot be asked.
 */
export async function listModelRepository(hub: Hub, name: string): Promise<ModelRepository> {
  checkRepositoryName(name);
  const url = `${hub.endpoint}/api/models/${name}`;
  let answer: { sha?: unknown; siblings?: unknown };
  try {
    // With sizes and checksums.
    answer = Object(await hub.json(`${url}?blobs=true`));
  } catch (error) {
    if (!(error instanceof StatusError) || ![401, 404].includes(error.status)) throw error;
    // To those it does not know, the hub answers both alike.
    throw new UserError(
      `there is no model ${name} on ${hub.endpoint}, or it is private: check the name, and set ` +
        `HF_TOKEN to a token that may read it (${error.message})`,
      { cause: error },
    );
  }
  const { sha, siblings } = answer;
  if (!Array.isArray(siblings)) throw new HttpError(`${url} lists no files`);
  const commit = typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha) ? sha : "main";
  const files = siblings.flatMap((sibling) => {
    const { rfilename: path, size, lfs, blobId } = Object(sibling);
    if (typeof path !== "string" || !isPlain(path)) return [];
    const encoded = path.split("/").map(encodeURIComponent).join("/");
    return [{
      path,
      url: `${hub.endpoint}/${name}/resolve/${commit}/${encoded}`,
      size: Number.isSafeInteger(size) && size >= 0 ? size as number : undefined,
      sha256: /^[0-9a-f]{64}$/.test(lfs?.sha256) ? lfs.sha256 as string : undefined,
      // Of a large file it is that of the note that Git keeps in its place.
      blobId: !lfs && /^[0-9a-f]{40}$/.test(blobId) ? blobId as string : undefined,
    }];
  });
  return { name, page: `${hub.endpoint}/${name}/tree/${commit}`, files };
}

/** Whether a path is of folders and a file below, of characters that every disk takes. */
function isPlain(path: string): boolean {
  return path.split("/").every((part) => /^[\w+=@,()-][\w.+=@,() -]*$/.test(part));
}
