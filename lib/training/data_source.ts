/**
 * Where a run's datasets come from, and other things of the hub.
 *
 * @module
 */
import type { ConnectionOptions } from "../hub/mod.ts";
import { HubSource } from "../tasks/mod.ts";
import { Progress } from "../tracking/mod.ts";
import type { RunIo } from "./io.ts";

/**
 * How the Hugging Face hub is reached, with progress shown. `HF_ENDPOINT` names another hub,
 * `HF_TOKEN` is sent to it; proxies are Deno's to find in `HTTPS_PROXY`.
 */
export function hubConnection(
  { env, signal, terminal }: Pick<RunIo, "env" | "terminal"> & Partial<Pick<RunIo, "signal">>,
): ConnectionOptions {
  return {
    endpoint: env("HF_ENDPOINT") || undefined,
    token: env("HF_TOKEN") || undefined,
    signal,
    note: (line) => terminal.warn(line),
    progress: (label, total, start) =>
      new Progress(terminal, { label: `Fetching ${label}`, total, start, unit: "B" }),
  };
}

/** The datasets of the base directory; those that are missing are fetched from the hub. */
export function openDataSource(io: RunIo): HubSource {
  return new HubSource(io.baseDir, hubConnection(io));
}
