/** Bundling for a browser, with Deno's bundler, which it downloads when it is first used. */
import { fromFileUrl } from "@std/path";

/** What the bundler made of a module. */
export interface Bundle {
  /** Whether it could; not so where it cannot be downloaded. */
  success: boolean;
  /** The script. */
  code: string;
  /** What was said meanwhile. */
  told: string;
}

/** Bundles a module, named from the repository's root or by its whole path. */
export async function bundle(entry: string): Promise<Bundle> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--platform", "browser", entry],
    cwd: fromFileUrl(new URL("..", import.meta.url)),
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { success, code: text.decode(stdout), told: text.decode(stderr) };
}
