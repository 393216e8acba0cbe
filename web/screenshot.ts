/**
 * Makes the README's picture of the chat page, `assets/chat.png`, in Debian's Chromium. The answers are
 * a script's, so that the picture is the same each time.
 *
 *     deno run -A web/screenshot.ts
 *
 * @module
 */
import { fromFileUrl } from "@std/path";
import { chromium } from "playwright-core";
import { MockServer, type Piece } from "../tests/web/mock_server.ts";

const TALKS: [question: string, answer: Piece[]][] = [
  ["Why is the sky blue?", ["Air scatters blue light more than red light."]],
  ["Write a haiku about the sea", ["Waves fold into foam,"]],
  ["How many times does the letter r occur in strawberry?", [
    "I count with Python: ",
    ["python", '"strawberry".count("r")'],
    ["python_output", "3"],
    "\n\nThe letter **r** occurs 3 times in *strawberry*.",
  ]],
  ["A box holds 12 eggs. How many boxes do 150 eggs fill, and how many are left?", [
    "12 boxes hold 12 × 12 = ",
    ["python", "12*12"],
    ["python_output", "144"],
    " eggs, and 13 boxes would hold more than 150.\n\n150 − 144 = ",
    ["python", "150-144"],
    ["python_output", "6"],
    ", so **12 boxes** are full and **6 eggs** are left.",
  ]],
];

await using server = new MockServer();
for (const [question, pieces] of TALKS) server.scripts.set(question, { pieces });
await using browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking"],
});
const page = await browser.newPage({
  viewport: { width: 1120, height: 680 },
  deviceScaleFactor: 2,
  colorScheme: "light",
});
await page.goto(server.url);
for (const [i, [question]] of TALKS.entries()) {
  // The last two are one conversation.
  if (i < TALKS.length - 1) await page.getByRole("button", { name: "New chat" }).click();
  await page.getByLabel("Message", { exact: true }).fill(question);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Regenerate" }).waitFor();
}
await page.mouse.move(0, 0);
const path = fromFileUrl(new URL("../assets/chat.png", import.meta.url));
const { length } = await page.screenshot({ path });
console.log(`assets/chat.png: ${length} bytes`);
