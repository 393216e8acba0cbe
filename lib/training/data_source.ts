/**
 * Where a run's datasets come from.
 *
 * @module
 */
import { HubSource } from "../tasks/mod.ts";
import { Progress } from "../tracking/mod.ts";
import type { RunIo } from "./io.ts";

/**
 * The datasets of the base directory; those that are missing are fetched from the Hugging Face hub,
 * with progress shown. `HF_ENDPOINT` names another hub, `HF_TOKEN` is sent to it; proxies are
 * Deno's to find in `HTTPS_PROXY`.
 */
export function openDataSource({ baseDir, env, signal, terminal }: RunIo): HubSource {
  return new HubSource(baseDir, {
    endpoint: env("HF_ENDPOINT") || undefined,
    token: env("HF_TOKEN") || undefined,
    signal,
    note: (line) => terminal.warn(line),
    progress: (label, total, start) =>
      new Progress(terminal, { label: `Fetching ${label}`, total, start, unit: "B" }),
  });
}
