/**
 * The rooms that run in a browser, each with what lies in it for programs that have files and
 * processes. Their entries are bundled in `browser_test.ts`, their sources are read in
 * `architecture_test.ts`.
 */
export const BROWSER_ROOMS: Readonly<Record<string, readonly string[]>> = {
  "lib/checkpoint": ["disk"],
  "lib/dataloader": [],
  "lib/device/webgpu": ["provider.ts"],
  "lib/engine": ["sandbox"],
  "lib/eval": [],
  "lib/model": [],
  "lib/optim": [],
  "lib/random": [],
  "lib/ranks": ["mpi"],
  "lib/tokenizer": [],
  "lib/tracking": ["jsonl.ts"],
};

/** What only Deno or Node has. */
export const HOST_ONLY: RegExp = /\bDeno\b\s*(?:[.?[;,)]|$)|["']node:/;
