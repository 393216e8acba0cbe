/** A browser to test with: Debian's Chromium, without a window, on SwiftShader, a GPU in software. */

const CHROMIUM = "/usr/bin/chromium";

/** SwiftShader as a Vulkan driver, which comes with it. */
export const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Without these it would want a window, a user other than root, a GPU, and its maker's servers. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--disable-background-networking",
  "--enable-logging=stderr",
];

/** Whether it is installed. */
export async function hasChromium(): Promise<boolean> {
  const found = Promise.all([CHROMIUM, SWIFTSHADER].map((path) => Deno.stat(path)));
  return await found.then(() => true, () => false);
}

/**
 * Shows an address to the browser until `done` comes or the time is over.
 *
 * @param url The page.
 * @param done What is waited for.
 * @param limit Milliseconds.
 * @returns What `done` gave.
 * @throws {Error} when the time is over or the browser ends; with what the browser said.
 */
export async function browse<T>(url: string, done: Promise<T>, limit: number): Promise<T> {
  const profile = await Deno.makeTempDir({ prefix: "nanochat-sft-" });
  const browser = new Deno.Command(CHROMIUM, {
    args: [...FLAGS, `--user-data-dir=${profile}`, url],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    // A group of processes, to be ended together.
    detached: true,
  }).spawn();
  const said = new Response(browser.stderr).text();
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => over.reject(`was not done after ${limit / 1000} s`), limit);
  const ended = browser.status.then(() => Promise.reject("ended early"));
  try {
    return await Promise.race([done, over.promise, ended]);
  } catch (problem) {
    end(browser);
    throw new Error(`Chromium ${problem}:\n${await said}`);
  } finally {
    clearTimeout(timer);
    end(browser);
    await ended.catch(() => {});
    await said;
    await Deno.remove(profile, { recursive: true });
  }
}

/** Ends it and all its processes. */
function end(browser: Deno.ChildProcess): void {
  try {
    Deno.kill(-browser.pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
