import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { inspectCommand } from "../../cli/inspect.ts";
import { completeFlags } from "../../cli/options.ts";
import { DiskFolder } from "../../lib/checkpoint/disk/mod.ts";
import type { Message } from "../../lib/conversation.ts";
import { UserError } from "../../lib/errors.ts";
import { dataReport, inspectData } from "../../lib/inspect/mod.ts";
import { looksCut } from "../../lib/inspect/looks_cut.ts";
import { oddCharacters } from "../../lib/inspect/odd_characters.ts";
import { Tokenizer } from "../../lib/tokenizer/mod.ts";
import { loadOwnFiles, ownForm, splitOwn } from "../../lib/training/mod.ts";
import { inTempDir } from "../temp_dir.ts";
import { MemoryTerminal } from "../tracking/memory_terminal.ts";
import { baseDir, MODEL, world } from "../training/small_world.ts";

const tokenizer = await Tokenizer.load(new DiskFolder(join(baseDir, "tokenizer")));
const SAMPLES = join(import.meta.dirname!, "../../data/samples");

/** A clock that runs half a second ahead whenever it is read. */
function clock(): () => number {
  let time = 0;
  return () => time += 500;
}

/** What is said by user and assistant in turns. */
function turns(...contents: string[]): Message[] {
  return contents.map((content, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content }));
}

const lengthOf = (messages: Message[]) =>
  tokenizer.renderConversation({ messages }, Infinity).ids.length;

async function writeLines(path: string, conversations: Message[][]): Promise<void> {
  const lines = conversations.map((messages) => JSON.stringify({ messages }) + "\n");
  await Deno.writeTextFile(path, lines.join(""));
}

/** The report of files of which nothing is kept apart, unless a share or a file is given. */
async function reportOf(data: string[], T = 256, validationShare = 0, validation?: string) {
  const { terminal, signal } = world().io;
  const options = {
    ...completeFlags("inspect", { data }),
    validationShare,
    validation,
  };
  const files = await loadOwnFiles(options, ownForm(options), signal);
  const parts = await splitOwn(files, options, undefined, signal);
  return await dataReport({ files, parts }, { tokenizer, T }, { terminal, signal });
}

/** What is found in conversations of one file: for each fault how often and where, as numbers. */
async function faultsOf(conversations: Message[][], T?: number) {
  const found: Record<string, (number | number[])[]> = {};
  await inTempDir(async (dir) => {
    const path = join(dir, "own.jsonl");
    await writeLines(path, conversations);
    const { faults } = await reportOf([path], T);
    const numbersOf = (places: string[]) => places.map((place) => Number(/\d+$/.exec(place)![0]));
    for (const { words, count, places } of faults) found[words] = [count, ...places.map(numbersOf)];
  });
  return found;
}

const CUT =
  "It was a day like any other when she went out to see the sea, which she had not seen " +
  "for so long, and took the way that she had always taken, past the old mill and the church, " +
  "until at last she stood there and";

Deno.test("each fault is found at its place, and only there", async () => {
  const faults = await faultsOf([
    turns("Hi", "Hello."),
    turns("What is it?", "That."),
    turns("Hi", "Hello."),
    turns("Hi ", "Hello.\n"),
    turns("What is it?", "This."),
    turns("Again?", "Yes.", "And now?", " \n"),
    turns("Code?", "```js\nlet x;"),
    turns("A story?", CUT),
    turns("Word?", "lost \ufffd here"),
    turns("Bell?", "a\u0007b"),
    turns("Half?", "a\ud800b"),
    turns("Café?", "Un cafÃ© sâ€™il vous plaît"),
    turns("Own?", "\ue000"),
    turns("Zero?", "a\u200bb"),
    turns("Turn?", "a\u202eb"),
    turns("End?", "Yes.", "And then?"),
    turns("Marks?", "Yes.<|im_end|>"),
    turns("Lines?", "a\r\nb"),
    turns("Lines!", "a\nb"),
    turns("Nul?", "a\0b"),
  ]);
  assertEquals(faults, {
    "Exact copies": [1, [1, 3]],
    "Copies but for white space": [1, [1, 4]],
    "The same question with another answer": [2, [2, 5]],
    "Empty answers": [1, [6]],
    "Ends in a code block that is not closed": [1, [7]],
    "Ends in the middle of a sentence": [1, [8]],
    "U+FFFD, which stands where a character was lost": [1, [9]],
    "Control characters": [1, [10]],
    "Half of a character (unpaired surrogates)": [1, [11]],
    "UTF-8 that was read as another encoding, such as Ã© for é": [1, [12]],
    "Private or unassigned characters": [1, [13]],
    "Invisible characters (zero width)": [1, [14]],
    "Marks that turn the direction of writing": [1, [15]],
    "Ends with the user, whose last message is not answered": [1, [16]],
    "Marks of a chat format in the text, such as <|im_end|>": [1, [17]],
    "Lines end with CR LF, in others with LF": [1, [18]],
    "NUL characters": [1, [20]],
  });
});

Deno.test("what rows of T tokens do to conversations is found", async () => {
  const long = "Long. ".repeat(100), cut = turns("Hi", long);
  const faults = await faultsOf([turns("Hi.", "Hello."), cut, turns(long, "Yes."), cut], 64);
  const lost = 2 * (lengthOf(cut) - 65);
  assertEquals(faults, {
    "Exact copies": [1, [2, 4]],
    [`Longer than a row of 64 tokens and cut to it, which loses ${lost} tokens`]: [2, [2], [4]],
    "No trained text in a row of 64 tokens, so left out": [1, [3]],
  });
});

Deno.test("of many places the first are named, and copies in several files with their files", async () => {
  await inTempDir(async (dir) => {
    const paths = ["a.jsonl", "b.jsonl"].map((name) => join(dir, name));
    await writeLines(paths[0], [0, 1, 2, 3, 4].map((i) => turns(`${i}`, "")));
    await writeLines(paths[1], [turns("3", "")]);
    const { faults } = await reportOf(paths);
    const [copies, empty] = faults;
    assertEquals([copies.count, copies.places.length], [1, 1]);
    assertMatch(copies.places[0].join(), /a\.jsonl, .* 4,.*b\.jsonl, .* 1$/);
    assertEquals([empty.count, empty.places.length], [6, 3]);
    // What is measured too is trained on all the same.
    const answered = [0, 1, 2].map((i) => turns(`${i}`, "Yes."));
    await writeLines(paths[0], answered);
    const both = await reportOf([paths[0]], 256, 0, paths[0]);
    assertEquals([both.conversations, both.numbers?.conversations], [6, 3]);
  });
});

Deno.test("clean conversations in any writing are not found fault with", async () => {
  assertEquals(
    await faultsOf([
      turns("Ça va ?", "Oui, « très bien » — merci."),
      turns("2 + 2?", "4"),
      turns("Capitals?", "Paris"),
      turns("Uma palavra?", "“MAÇÃ” e “IRMÔ, NÃO…"),
      turns("می‌خواهم", "خانه‌ها"),
      turns("Family?", "👨‍👩‍👧 and क्‍ष"),
      turns("日本語？", "はい。" + "これは長い文です。".repeat(30)),
      turns("List?", CUT + "\n\n- apples\n- pears"),
      turns("Code?", "```js\nlet x;\n```"),
      turns("Where?", CUT + " told us all: https://github.com/karpathy/nanochat"),
      turns("Â, Ä, å?", "Ångström, année, Ärger, façade, dårlig, né"),
    ], 4096),
    {},
  );
});

Deno.test("an answer looks cut by the rule that is stated", () => {
  const rule = (ends: string[], expected: string) =>
    assertEquals(ends.map(looksCut), ends.map(() => expected));
  const begun = CUT.slice(0, -4);
  rule(["", "Paris", "no full stop here", `${CUT}\nA title`, `${CUT}\n1. ${CUT}`], "short");
  rule([CUT, `${begun},`, `${begun} that is:`, `${begun} don't`, `${begun} было`], "open sentence");
  rule(
    [
      `${begun}.`,
      `${begun}!”`,
      `${begun}。`,
      `${begun} x = 4`,
      `${begun} (see a.txt)`,
      `${begun}…`,
    ],
    "whole",
  );
  rule(["```\nx", "~~~\nx\n~~~\n```\ny"], "open code");
});

Deno.test("answers are not said to be cut where most of many end so", async () => {
  const thai = Array.from({ length: 12 }, (_, i) => turns(`${i}?`, "ภาษาไทยไม่มีจุด ".repeat(20)));
  assertEquals(await faultsOf(thai, 4096), {});
});

Deno.test("text in a wrong encoding is told from letters that are meant", () => {
  const garbled = [
    "Ã¼ber",
    "donâ€™t",
    "ðŸ˜€",
    "ÐŸÑ€Ð¸Ð²ÐµÑ‚",
    "ä½\u00a0å¥½",
    "Â°C",
  ];
  for (const text of garbled) assertEquals(oddCharacters(text).length, 1, text);
  const meant = ["NÃO", "à la carte", "ÐÑ", "IRMÃ»", "å ä ö", "5 °C", "naïve ‘quotes’ – and…"];
  for (const text of meant) assertEquals(oddCharacters(text), [], text);
});

Deno.test("the numbers are those that are counted by hand", async () => {
  await inTempDir(async (dir) => {
    const path = join(dir, "own.jsonl");
    const conversations = [
      turns("Hi", "Hello."),
      turns("Hi.", "Hello.", "Bye", "Bye."),
      turns("Tell me", "word ".repeat(40)),
    ];
    await writeLines(path, conversations);
    const lengths = conversations.map(lengthOf), [a, b, c] = lengths;
    const trained = conversations.map((messages) =>
      tokenizer.renderConversation({ messages }, Infinity).mask.reduce((sum, m) => sum + m, 0)
    ).reduce((sum, n) => sum + n);
    const T = a + b + c - 1;
    const { numbers, conversations: count, messages, shown } = await reportOf([path], T);
    assertEquals([count, messages], [3, 8]);
    assertEquals(shown.map(({ place }) => place.replace(/\D+/, "")), ["1", "2"]);
    // One row holds them all, and one token more than the model is given.
    assertEquals([numbers?.rows, numbers?.paddingShare], [1, 0]);
    assertEquals([numbers?.tokens, numbers?.trained], [a + b + c, trained]);
    assertEquals(numbers?.trainedShare, trained / T);
    assertEquals(numbers?.longest.map(({ tokens }) => tokens), [c, b, a]);
    const binOf = (length: number) => 2 ** Math.ceil(Math.log2(length));
    for (const { most, conversations } of numbers!.histogram) {
      assertEquals(conversations, lengths.filter((length) => binOf(length) === most).length);
    }
    const twice = await reportOf([`${path}:2`], T);
    assertEquals([twice.conversations, twice.numbers?.conversations], [3, 6]);
    // What is kept apart is looked at, and is not a part of the epoch.
    const split = await reportOf([path], T, 0.3);
    assertEquals([split.conversations, split.numbers?.conversations], [3, 2]);
  });
});

Deno.test("what is found in the identity conversations is really there", async () => {
  const { faults, numbers } = await reportOf(
    [join(SAMPLES, "identity_conversations.jsonl.gz")],
    4096,
  );
  assertEquals(faults.map(({ words, count }) => [words.slice(0, 21), count]), [
    // Greetings that are answered in several ways.
    ["The same question wit", 26],
    // Ends "King Andrej Karpathy designed me to be a".
    ["Ends in the middle of", 1],
  ]);
  assertMatch(faults[1].places[0][0], / 182$/);
  assertEquals(numbers?.conversations, 904);
});

Deno.test("own conversations are shown with what an epoch costs", async () => {
  await inTempDir(async (dir) => {
    const path = join(dir, "own.jsonl");
    await writeLines(path, [
      turns("Hi \x1b[2J", "Hello.\x07"),
      ...Array.from({ length: 30 }, (_, i) => turns(`${i}?`, `It is ${i}.`)),
    ]);
    const shownWith = async (colors: boolean, options = {}) => {
      const { io } = world(), console = new MemoryTerminal({ colors });
      const flags = completeFlags("inspect", { data: [path], maxSeqLen: 64, ...options });
      const { terminal } = console, now = clock();
      await inspectData({ ...flags, ...MODEL }, { ...io, terminal, now });
      return console;
    };
    const plain = await shownWith(false);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f]/.test(plain.stdout));
    assertStringIncludes(plain.stdout, "⟦H⟧\n⟦ell⟧|⟦o⟧");
    assertMatch(plain.stdout, /line 2: \d+ tokens, trained on \d+ \(in ⟦ ⟧\):\n/);
    // How long a run over more than these is, is not known.
    assert(!plain.stdout.includes("\nA run "));
    assertStringIncludes(plain.stdout, "- Control characters: 1 (");
    assertMatch(plain.stdout, /\nConversations +31, 62 messages\n/);
    assertMatch(
      plain.stdout,
      /\nAn epoch +less than a step of 524,288 tokens \(which sees 1,365 epochs\),/,
    );
    assert(plain.lines.every((line) => line.length <= 80 || line.includes(dir)), plain.stdout);
    const colored = await shownWith(true, { dataOnly: true });
    assertStringIncludes(colored.stdout, "\x1b[92mell\x1b[0m|");
    // deno-lint-ignore no-control-regex
    assert(!/\x1b\[2J|\x07/.test(colored.stdout));
    assertMatch(
      colored.stdout,
      /\nAn epoch +2 steps of 256 tokens, about 5 seconds at \d+ tokens a/,
    );
    assertMatch(colored.stdout, /trained on \d+ \(green\):\n/);
    assertMatch(colored.stdout, /\nA run +\d+ steps, about [\d.]+ (seconds|minutes) of training\n/);
  });
});

Deno.test("without a base directory what ships stands in, and nothing is left behind", async () => {
  await inTempDir(async (dir) => {
    const path = join(dir, "own.jsonl"), none = join(dir, "none");
    await writeLines(path, [turns("Hi", "Hello.")]);
    const shown = async (given: Parameters<typeof completeFlags<"inspect">>[1]) => {
      const { io, console } = world();
      const flags = completeFlags("inspect", { data: [path], maxSeqLen: 64, ...given });
      const options = { ...flags, deviceType: "cpu", threads: 1 } as const;
      await inspectData(options, { ...io, baseDir: none, now: clock() });
      return console.stdout;
    };
    const shipped = await shown({});
    assertMatch(shipped, /^No base checkpoint in /);
    assertMatch(shipped, /\nAn epoch +less than a step of 4,096 tokens \(which sees 64 epochs\),/);
    // Of a model that was asked for and is not there, everything but the time.
    const lacking = await shown({ source: "sft" });
    assertMatch(lacking, /^Without a model: /);
    assertMatch(lacking, /\nTokens +\d+ in an epoch/);
    assert(!lacking.includes("An epoch "));
    await assertRejects(() => Deno.stat(none), Deno.errors.NotFound);
  });
});

Deno.test("what contradicts itself or is missing is refused in a line", async () => {
  const refuses = (args: string[], words: string) =>
    assertRejects(() => inspectCommand().parse(args), UserError, words);
  await refuses(
    ["--data", "x.jsonl", "--conversation", "y.jsonl"],
    "either --conversation or --data",
  );
  await refuses(["--data", "x.jsonl", "--mixture", "y.json"], "either --data or --mixture");
  const { io } = world();
  const flags = completeFlags("inspect", { data: ["/missing.jsonl"] });
  await assertRejects(() => inspectData(flags, io), UserError, "cannot open /missing.jsonl");
});
