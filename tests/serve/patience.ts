/** Waiting for what a server does in its own time. */
import { AssertionError } from "@std/assert";

/** Waits until something holds. @throws {AssertionError} when it does not within 10 seconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!await holds()) {
    if (performance.now() > end) throw new AssertionError(`after 10 s, still not: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
