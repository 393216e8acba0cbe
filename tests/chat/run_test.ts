import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { chatOptions } from "../../cli/options.ts";
import { runChat, type RunChatOptions } from "../../lib/chat/mod.ts";
import { MODEL, world } from "../training/small_world.ts";

/** What a conversation of the given lines shows; every second answer is stopped at once. */
async function talk(lines: string[], options: Partial<RunChatOptions> = {}): Promise<string> {
  const { io, console } = world();
  let answers = 0;
  await runChat(chatOptions({ ...MODEL, maxNewTokens: 5, ...options }), {
    ...io,
    write: (text) => console.stdout += text,
    isShownOnTerminal: true,
    tell: (error) => io.terminal.error(error.message),
    readLine: () => Promise.resolve(lines.shift()),
    interruptible: (answer) => {
      const controller = new AbortController();
      if (answers++ % 2 === 1) controller.abort();
      return answer(controller.signal);
    },
  });
  return console.stdout + console.stderr;
}

Deno.test("chat answers line by line, and can be stopped", async () => {
  const shown = await talk(["Hi", "", "And now?", "/clear", "Hi"]);
  const [help, first, second, cleared, third, end] = shown.split("\n").slice(-6);
  assertStringIncludes(help, "Ctrl-D leaves");
  assertEquals(cleared, "This is a new conversation.");
  assertMatch(first, /^.+ \(cut off here; .*\)$/);
  assertMatch(second, /^.* \(stopped\)$/);
  assertEquals([third, end], [first, ""]);
});

Deno.test("chat says what it forgets, and goes on after a question that is too long", async () => {
  const shown = await talk([..."abcdefgh", "x".repeat(500), "y"]);
  assertMatch(shown, /\(the context is full: the oldest (turn was|\d turns were) forgotten\)/);
  assertMatch(shown, /error: the message is \d+ tokens long, but the model's context holds 64/);
});

Deno.test("chat answers a single question", async () => {
  const shown = await talk([], { prompt: "Hi", maxNewTokens: 3, temperature: 0 });
  assertEquals(shown.split("\n").length, 4);
});

Deno.test("chat keeps weights in bfloat16 where asked to, and says so", async () => {
  assertStringIncludes(
    await talk([], { weights: "bfloat16", maxNewTokens: 3 }),
    "Weights: bfloat16, 100 % of them rounded from float32",
  );
  assert(!(await talk([], { maxNewTokens: 3 })).includes("Weights:"));
});

/** What was shown after the hint with which a conversation begins. */
async function after(lines: string[]): Promise<string[]> {
  const shown = (await talk(lines)).split("\n");
  return shown.slice(shown.findIndex((line) => line.includes("Ctrl-D leaves")) + 1);
}

Deno.test("quit, exit and clear are nanochat's words, with a slash too, in any case", async () => {
  for (const word of ["quit", "exit", "QUIT", " Exit ", "/quit", "/exit"]) {
    const left = ["not asked"];
    assertEquals(await after([word, ...left]), [""], word);
  }
  for (const word of ["clear", "Clear", "/clear"]) {
    assertEquals(await after([word]), ["This is a new conversation.", ""], word);
  }
});

Deno.test("/help lists the commands, and unknown ones are not sent to the model", async () => {
  const help = (await after(["/help"])).join("\n");
  for (const word of ["/clear", "/quit", "/exit", "Ctrl-C"]) assertStringIncludes(help, word);
  for (const line of ["/hlep", "/x y", "/clear all"]) {
    assertEquals(
      await after([line]),
      [`error: unknown command ${line}; /help lists them`, ""],
    );
  }
});

Deno.test("a path, a comment and several lines are questions, whatever they begin with", async () => {
  for (const question of ["/usr/bin/env", "// what?", "/ ", "/help\nme", "quit\nnow"]) {
    const shown = (await after([question])).join("\n");
    assertMatch(shown, /cut off here/, question);
  }
});
