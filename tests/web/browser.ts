/** The chat page in Debian's Chromium, before a server with a script. */
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { assertEquals } from "@std/assert";
import { hasChromium } from "../webgpu/chromium.ts";
import { MockServer } from "./mock_server.ts";

/** What a test has. */
export interface Shown {
  page: Page;
  server: MockServer;
  /** Types a message and sends it with Enter. */
  say(text: string): Promise<void>;
  /** Waits until the last answer is complete, and gives its text. */
  answer(): Promise<string>;
}

/** A test of the page, in a browser profile of its own. */
export interface PageTest {
  name: string;
  options?: BrowserContextOptions;
  /** Runs before the page is opened. */
  before?(server: MockServer): void;
  fn(shown: Shown): Promise<void>;
}

const isThere = await hasChromium();

/**
 * Runs tests in one browser. Each fails too if the page asks another server, breaks its own policy, or
 * throws.
 */
export function testPage(name: string, tests: readonly PageTest[]): void {
  // The browser lives as long as the whole test does, and talks meanwhile.
  const sanitizers = { sanitizeOps: false, sanitizeResources: false };
  Deno.test({ name, ignore: !isThere, ...sanitizers }, async (t) => {
    await using browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-background-networking"],
    });
    for (const { name, options, before, fn } of tests) {
      await t.step({
        name,
        ...sanitizers,
        fn: async () => {
          await using server = new MockServer();
          before?.(server);
          await using context = await browser.newContext(options);
          context.setDefaultTimeout(5000);
          const page = await context.newPage();
          const wrong = watch(page, server);
          await page.goto(server.url);
          await fn({ page, server, ...talk(page) });
          assertEquals(wrong, []);
        },
      });
    }
  });
}

/** What goes wrong on the page beside what a test looks at. */
function watch(page: Page, server: MockServer): string[] {
  const wrong: string[] = [];
  page.on("pageerror", ({ message }) => wrong.push(message));
  page.on("console", (message) => {
    if (/policy|trusted/i.test(message.text())) wrong.push(message.text());
  });
  page.on("request", (request) => {
    if (!/^data:/.test(request.url()) && !request.url().startsWith(server.url)) {
      wrong.push(`asked ${request.url()}`);
    }
  });
  return wrong;
}

function talk(page: Page): Pick<Shown, "say" | "answer"> {
  return {
    say: async (text) => {
      await page.getByLabel("Message", { exact: true }).fill(text);
      await page.keyboard.press("Enter");
    },
    answer: async () => {
      const last = page.locator("article.answer").last();
      await last.getByRole("button", { name: /^(Regenerate|Try again)$/ }).waitFor();
      return await last.locator(".markdown").innerText();
    },
  };
}
