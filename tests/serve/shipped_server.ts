/** `serve` in a process of its own, with the base model that is shipped. */
import { fromFileUrl } from "@std/path";
import { ServerProcess } from "../../bench/serve/server_process.ts";

/** The base directory. */
export const BASE_DIR: string = fromFileUrl(new URL("../../data/base", import.meta.url));

/** The program. */
export const PROGRAM: string = fromFileUrl(new URL("../../mod.ts", import.meta.url));

/** What chooses the model and the device, for every command. */
export const MODEL_FLAGS: readonly string[] = "--source base --device-type cpu --threads 1".split(
  " ",
);

/** Starts it. */
export function startShipped(...flags: string[]): Promise<ServerProcess> {
  return ServerProcess.start([
    PROGRAM.replace("mod.ts", "scratch_mod.ts"),
    "serve",
    "--port",
    "0",
    ...MODEL_FLAGS,
    ...flags,
  ], {
    NANOCHAT_BASE_DIR: BASE_DIR,
  });
}
