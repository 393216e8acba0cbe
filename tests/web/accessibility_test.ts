/** Axe looks at the chat page as it is in use. */
import axe from "axe-core";
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import type { Piece } from "./mock_server.ts";
import { type PageTest, type Shown, testPage } from "./browser.ts";

/** The faults that axe finds. */
async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  return await page.evaluate(`axe.run().then(({ violations }) => violations
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ": " + html)))`);
}

const ANSWER: readonly Piece[] = [
  "# A title\n\nA [link](https://example.org/), `code`, ~~gone~~ and ",
  ["python", "6*7"],
  ["python_output", "42"],
  "\n\n> quoted\n\n```ts\nconst x = 1;\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [ ] open\n",
];

async function look({ page, server, say, answer }: Shown): Promise<void> {
  server.scripts.set("all", { pieces: ANSWER, dropped: 1 });
  server.scripts.set("bad", { refused: { status: 400, message: "refused" } });
  assertEquals(await faults(page), [], "empty");
  for (const text of ["all", "bad"]) {
    await say(text);
    await answer();
  }
  assertEquals(await faults(page), [], "answers");
  await page.getByRole("button", { name: "Edit" }).first().click();
  await page.getByRole("button", { name: "Settings" }).click();
  await page.getByLabel("Top k").fill("x");
  assertEquals(await faults(page), [], "settings");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  if (page.viewportSize()!.width < 800) {
    await page.getByRole("button", { name: "Conversations" }).click();
    assertEquals(await faults(page), [], "drawer");
  }
}

const phone = { width: 390, height: 780 };
const tests: PageTest[] = [
  { name: "in light colours", options: { colorScheme: "light" }, fn: look },
  { name: "in dark colours", options: { colorScheme: "dark" }, fn: look },
  {
    name: "on a phone",
    // Nothing slides while it is looked at.
    options: { viewport: phone, isMobile: true, hasTouch: true, reducedMotion: "reduce" },
    fn: look,
  },
];

testPage("axe finds no fault", tests);
