/** How the page sets what is written: from right to left too, columns, and what a server refuses. */
import { assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { testPage } from "./browser.ts";

/** What the browser makes of a property of each element. */
async function styles(page: Page, selector: string, name: string): Promise<string[]> {
  return await page.evaluate(
    `[...document.querySelectorAll("${selector}")].map((one) => getComputedStyle(one).${name})`,
  );
}

testPage("the page sets", [
  {
    name: "what is written from right to left that way, but for code and sums",
    async fn({ page, server, say, answer }) {
      server.scripts.set("שלום.", {
        pieces: [
          "שלום 2 + 2 = ",
          ["python", "2+2"],
          ["python_output", "4"],
          ".\n\n- אחת\n\n```\n// שלום\n```\n\nEnglish.",
        ],
      });
      await say("שלום.");
      await answer();
      const directions = async (selector: string) => await styles(page, selector, "direction");
      assertEquals(await directions(".bubble, .markdown ul"), ["rtl", "rtl"]);
      assertEquals(await directions(".markdown p"), ["rtl", "ltr"]);
      assertEquals(await directions(".tool, .code"), ["ltr", "ltr"]);
    },
  },
  {
    name: "columns and numbers as the answer says, and lets a keyboard reach what is wide",
    async fn({ page, server, say, answer }) {
      const text = "| a | b | c |\n|---|--:|:-:|\n| 1 | 2 | 3 |\n\n7. seventh\n\n```\nwide\n```";
      server.scripts.set("shapes", { pieces: [text] });
      await say("shapes");
      await answer();
      // Chromium says what comes of the attribute in words of its own.
      const columns = (await styles(page, "td", "textAlign")).join(" ");
      assertEquals(columns.replaceAll("-webkit-", ""), "start right center");
      assertEquals(await page.locator(".markdown ol").getAttribute("start"), "7");
      assertEquals(await page.locator(".markdown [tabindex='0']").count(), 2);
    },
  },
  {
    name: "a refusal in words for a person, with one way to try again",
    async fn({ page, server, say, answer }) {
      const refused = { status: 413, message: "the body has more than 1048576 bytes" };
      server.scripts.set("much", { refused });
      await say("much");
      await answer();
      await page.locator(".problem").getByText("This is more text than the server takes.")
        .waitFor();
      assertEquals(await page.getByRole("button", { name: /Regenerate|Try again/ }).count(), 1);
    },
  },
]);
