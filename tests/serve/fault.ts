/** A file's own server, and what is done to it. */
import { Target } from "./target.ts";

/** The server; it is there while tests run. */
export let target: Target;

Deno.test.beforeAll(async () => {
  target = await Target.start();
});
Deno.test.afterAll(async () => void await target?.server.stop());

/** A fault, after which the server must be as before. */
export function fault(name: string, fn: () => Promise<void>): void {
  Deno.test(`fault: ${name}`, async () => {
    await fn();
    await target.assertAsBefore();
  });
}
