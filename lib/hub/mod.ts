/**
 * Fetching from the Hugging Face hub or a mirror: files that go on where they broke off, with sizes
 * and checksums compared, and errors that say what to do.
 *
 * @module
 */

export {
  type Downloaded,
  type DownloadProgress,
  type Expected,
  finishDownload,
  type StartProgress,
} from "./download.ts";
export { hashFile } from "./hash_file.ts";
export { HttpError, StatusError } from "./http.ts";
export { type ConnectionOptions, Hub, type Wanted } from "./hub.ts";
export {
  checkRepositoryName,
  listModelRepository,
  type ModelRepository,
  type RepositoryFile,
} from "./model_repository.ts";
