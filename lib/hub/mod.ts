/**
 * Fetching from the Hugging Face hub or a mirror: files that go on where they broke off, with sizes
 * and checksums compared, and errors that say what to do.
 *
 * @module
 */

export {
  type Downloaded,
  type DownloadProgress,
  finishDownload,
  type StartProgress,
} from "./download.ts";
export { hashFile } from "./hash_file.ts";
export { HttpError } from "./http.ts";
export { type ConnectionOptions, Hub, type Wanted } from "./hub.ts";
