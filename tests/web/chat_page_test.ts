/** What a person does on the chat page. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { testPage } from "./browser.ts";

const SLOW = { pieces: Array.from({ length: 400 }, (_, i) => `word${i} `), pause: 20 };
const SCRIPT = '<script>document.title = "taken"</script><img src=x onerror="document.title=1">';
const TRICKS = `${SCRIPT}\n\n[a](javascript:document.title=1) [b](https://example.org/ "t") ` +
  `![seen](http://example.org/x.png) <https://example.org/y>\n\n\`\`\`"><b>\n${SCRIPT}\n\`\`\`\n`;

testPage("the chat page", [
  {
    name: "sends with Enter, streams the answer, and shows what the calculator did",
    async fn({ page, server, say, answer }) {
      server.scripts.set("eggs", {
        tokens: 19,
        pieces: ["12 eggs in ", "**7** boxes: ", ["python", "7*12"], ["python_output", "84"], "."],
      });
      await say("eggs");
      assertStringIncludes(await answer(), "12 eggs in 7 boxes:");
      assertEquals(await page.locator(".tool").textContent(), "Calculator: 7*12 = 84");
      assertEquals(await page.locator(".markdown strong").first().innerText(), "7");
      const told = await page.getByRole("status").innerText();
      assertEquals(told, "12 eggs in **7** boxes: [7*12 = 84].");
      assert(/^19 tokens, \d+\/s$/.test(await page.locator(".actions small").innerText()));
      const { messages, ...fields } = server.asked[0];
      assertEquals(messages, [{ role: "user", content: "eggs" }]);
      assertEquals(fields, {
        model: "d20",
        stream: true,
        stream_options: { include_usage: true },
        drop_oldest: true,
      });
      await say("and in 8?");
      await answer();
      assertEquals(server.asked[1].messages[1], {
        role: "assistant",
        content: [
          { type: "text", text: "12 eggs in **7** boxes: " },
          { type: "python", text: "7*12" },
          { type: "python_output", text: "84" },
          { type: "text", text: "." },
        ],
      });
    },
  },
  {
    name: "shows an answer while it comes, and Escape stops it",
    before: (server) => server.scripts.set("long", SLOW),
    async fn({ page, server, say, answer }) {
      await say("long");
      await page.getByText("word5").waitFor();
      await page.getByRole("button", { name: "Stop" }).waitFor();
      await page.keyboard.press("Escape");
      const text = await answer();
      assert(text.startsWith("word0 word1") && !text.includes("word399"), text);
      await page.getByText("Stopped.").waitFor();
      await say("again");
      assertEquals(await answer(), "You said: again");
      assertEquals(server.left, 1);
    },
  },
  {
    name: "an edited message forgets what followed it; the last answer is given again",
    async fn({ page, server, say, answer }) {
      for (const text of ["one", "two"]) {
        await say(text);
        await answer();
      }
      await page.getByRole("button", { name: "Edit" }).first().click();
      await page.getByLabel("Edit message").fill("first");
      await page.keyboard.press("Enter");
      await page.locator(".markdown").getByText("You said: first").waitFor();
      assertEquals(await page.locator("article").count(), 2);
      server.scripts.set("first", { pieces: ["Another answer"] });
      await page.getByRole("button", { name: "Regenerate" }).click();
      await page.locator(".markdown").getByText("Another answer").waitFor();
      assertEquals(await page.locator("article").count(), 2);
      assertEquals(server.asked.at(-1)!.messages, [{ role: "user", content: "first" }]);
    },
  },
  {
    name:
      "keeps conversations over a reload, also an answer that was coming, and shows them to other tabs",
    before: (server) => server.scripts.set("long", SLOW),
    async fn({ page, server, say, answer }) {
      await say("hello");
      await answer();
      await page.getByRole("button", { name: "New chat" }).click();
      await say("long");
      await page.getByText("word3").waitFor();
      await page.reload();
      await page.getByText("This answer was interrupted.").waitFor();
      assert((await answer()).startsWith("word0"));

      const list = page.getByRole("navigation");
      await list.getByRole("button", { name: "hello", exact: true }).click();
      assertEquals(await answer(), "You said: hello");
      const other = await page.context().newPage();
      await other.goto(server.url);
      await list.getByRole("button", { name: "Rename: hello" }).click();
      await page.getByLabel("Name of the chat").fill("Greetings");
      await page.keyboard.press("Enter");
      const names = other.getByRole("navigation").locator(".select");
      await names.getByText("Greetings").waitFor();
      assertEquals(await names.allInnerTexts(), ["long", "Greetings"]);
      await list.getByRole("button", { name: "Delete: Greetings" }).click();
      await list.getByRole("button", { name: "Delete", exact: true }).click();
      await other.getByText("Greetings").waitFor({ state: "detached" });
      assertEquals(await page.locator("article").count(), 0);
    },
  },
  {
    name: "HTML and scripts stay text, whoever says them, and nothing is fetched",
    before: (server) => server.scripts.set(SCRIPT, { pieces: [TRICKS] }),
    async fn({ page, say, answer }) {
      await say(SCRIPT);
      const text = await answer();
      assertEquals(await page.locator(".bubble").innerText(), SCRIPT);
      assertEquals(text.split(SCRIPT).length, 3, text);
      assertEquals(await page.locator("article :is(script, img, b, [onerror])").count(), 0);
      const links = page.locator(".markdown a");
      const href = (i: number, name: string) => links.nth(i).getAttribute(name);
      assertEquals(await href(0, "href"), null);
      assertEquals(await href(1, "href"), "https://example.org/");
      assertEquals(await href(1, "rel"), "noopener noreferrer");
      assertEquals(await page.locator(".image").innerText(), "seen");
      assertStringIncludes(await page.title(), "nanochat");
    },
  },
  {
    name: "waits for a busy server, and says so",
    before: (server) =>
      server.scripts.set("hi", {
        pieces: ["Here I am"],
        refused: { status: 429, message: "busy", retryAfter: 1 },
      }),
    async fn({ page, server, say, answer }) {
      await say("hi");
      await page.getByText("The server is busy. Trying again in 1 s.").waitFor();
      assertEquals(await answer(), "Here I am");
      assertEquals(server.asked.length, 2);
    },
  },
  {
    name: "asks for the key, and keeps it for the tab alone",
    before: (server) => server.key = "secret",
    async fn({ page, server, say, answer }) {
      await page.getByText("The one that the server was started with").waitFor();
      await page.getByRole("textbox", { name: "Key" }).fill("a guess");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").getByText("The server does not take this key.").waitFor();
      await page.getByRole("textbox", { name: "Key" }).fill("secret");
      await page.keyboard.press("Enter");
      await page.getByText("d20").waitFor();
      await say("hi");
      assertEquals(await answer(), "You said: hi");
      server.key = "other";
      await say("and now?");
      await page.getByRole("textbox", { name: "Key" }).fill("other");
      await page.keyboard.press("Enter");
      await page.locator(".markdown").getByText("You said: and now?").waitFor();
      const kept: string = await page.evaluate("JSON.stringify(localStorage)");
      assert(!kept.includes("secret") && !kept.includes("other"), kept);
    },
  },
  {
    name: "says what went wrong where it did, and tries again",
    before(server) {
      const refused = { status: 400, message: "the prompt is too long" };
      server.scripts.set("refused", { pieces: ["Now it fits"], refused });
      server.scripts.set("broken", { pieces: ["Half of"], end: "broken" });
      server.scripts.set("cut", { pieces: ["And so"], end: "length", dropped: 2 });
    },
    async fn({ page, say, answer }) {
      await say("refused");
      await page.getByText("the prompt is too long").first().waitFor();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("Now it fits").first().waitFor();
      await say("broken");
      await page.locator(".problem").getByText("The connection broke").waitFor();
      assertEquals(await answer(), "Half of");
      await say("cut");
      assertEquals(await answer(), "And so");
      await page.getByText("Cut off here").waitFor();
      await page.getByText("the oldest 2 turns were forgotten").waitFor();
      await page.context().setOffline(true);
      await say("lost");
      await page.locator(".problem").getByText("The server cannot be reached").waitFor();
      await page.locator(".banner").waitFor();
      await page.context().setOffline(false);
      await page.getByRole("button", { name: "Try again" }).click();
      assertEquals(await answer(), "You said: lost");
    },
  },
  {
    name: "sends the system text and the settings, but for those that are not numbers",
    async fn({ page, server, say, answer }) {
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByLabel("System text").fill("Be brief.");
      await page.getByLabel("Temperature").fill("0");
      await page.getByLabel("Top k").fill("x");
      await page.getByText("A whole number from 0").waitFor();
      assertEquals(await page.getByLabel("Longest answer").getAttribute("placeholder"), "256");
      await page.getByLabel("Seed").fill("7");
      await page.getByRole("button", { name: "Close" }).click();
      await say("hi");
      await answer();
      const { messages, temperature, top_k, seed } = server.asked[0];
      assertEquals(messages[0], { role: "system", content: "Be brief." });
      assertEquals({ temperature, top_k, seed }, { temperature: 0, top_k: undefined, seed: 7 });
    },
  },
  {
    name: "goes by the keyboard alone, and an input method's Enter sends nothing",
    async fn({ page, server, answer }) {
      const isWriting = () => page.evaluate("document.activeElement.id === 'message'");
      assert(await isWriting());
      await page.keyboard.press("Shift+Tab");
      assert(!await isWriting());
      await page.locator("body > * a").first().focus();
      await page.keyboard.press("Enter");
      assert(await isWriting());
      await page.keyboard.type("two");
      await page.keyboard.press("Shift+Enter");
      await page.keyboard.type("lines");
      await page.evaluate(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {
        key: "Enter", bubbles: true, isComposing: true,
      }))`);
      assertEquals(server.asked.length, 0);
      await page.keyboard.press("Enter");
      assertEquals(await answer(), "You said: two\nlines");
      assert(await isWriting());
      await page.getByRole("button", { name: "Settings" }).focus();
      await page.keyboard.press("Enter");
      await page.getByRole("dialog").waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      const label = await page.evaluate("document.activeElement.ariaLabel");
      assertEquals(label, "Settings");
    },
  },
  {
    name: "fits a phone, with the conversations in a drawer",
    options: { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true },
    async fn({ page, server, say, answer }) {
      const wide = `${"x".repeat(200)} | b\n--- | ---\n${"y".repeat(90)} | z\n\n    ${
        "z".repeat(90)
      }`;
      server.scripts.set("wide", { pieces: [wide, ["python", "1".repeat(90)]] });
      await say("wide");
      await answer();
      assertEquals(await page.evaluate("document.scrollingElement.scrollWidth"), 320);
      assertEquals(
        await page.locator(".messages").evaluate((area) => area.scrollWidth - area.clientWidth),
        0,
      );
      await page.getByRole("button", { name: "Conversations" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "New chat" }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      assertEquals(await page.locator("article").count(), 0);
    },
  },
  {
    name: "stays at the end of an answer, unless one reads further up",
    before: (server) => {
      const pieces = Array.from({ length: 120 }, (_, i) => `paragraph ${i}\n\n`);
      server.scripts.set("long", { pieces, pause: 10 });
    },
    async fn({ page, say, answer }) {
      const area = page.locator(".messages");
      const toEnd = () =>
        area.evaluate(({ scrollHeight, scrollTop, clientHeight }) =>
          scrollHeight - scrollTop - clientHeight
        );
      await say("long");
      await page.getByText("paragraph 40").waitFor();
      assert(await toEnd() < 40);
      await area.hover();
      await page.mouse.wheel(0, -600);
      await answer();
      assert(await toEnd() > 300);
      await page.getByRole("button", { name: "To the end" }).click();
      assert(await toEnd() < 40);
    },
  },
  {
    name: "does without a browser's storage",
    async fn({ page, server, say, answer }) {
      await page.addInitScript(`Object.defineProperty(window, "localStorage", {
        get() { throw new DOMException("blocked", "SecurityError"); },
      })`);
      await page.goto(server.url);
      await say("hi");
      assertEquals(await answer(), "You said: hi");
      await page.getByText("This browser cannot keep more").waitFor();
    },
  },
]);
