/**
 * Stand-in for `jsr:@std/path` where JSR cannot be reached: the functions this package uses, with
 * the real signatures, over `node:path`.
 *
 * @module
 */

import nodePath from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The character between the folders of a path. */
export const SEPARATOR: "/" | "\\" = nodePath.sep;

/** The last portion of a path, without `suffix` if it ends so. */
export function basename(path: string, suffix = ""): string {
  return nodePath.basename(path, suffix);
}

/** The folder part of a path. */
export function dirname(path: string): string {
  return nodePath.dirname(path);
}

/** The extension of a path with its dot, or `""`. */
export function extname(path: string): string {
  return nodePath.extname(path);
}

/** The path of a `file:` URL. */
export function fromFileUrl(url: string | URL): string {
  return fileURLToPath(url);
}

/** Whether the path starts at the root. */
export function isAbsolute(path: string): boolean {
  return nodePath.isAbsolute(path);
}

/** Joins and normalises paths. */
export function join(path: string, ...paths: string[]): string {
  return nodePath.join(path, ...paths);
}

/** Resolves `.` and `..`. */
export function normalize(path: string): string {
  return nodePath.normalize(path);
}

/** The way from one path to the other. */
export function relative(from: string, to: string): string {
  return nodePath.relative(from, to);
}

/** Makes a path absolute, from the right to the left. */
export function resolve(...pathSegments: string[]): string {
  return nodePath.resolve(...pathSegments);
}

/** The `file:` URL of a path. */
export function toFileUrl(path: string): URL {
  return pathToFileURL(path);
}
