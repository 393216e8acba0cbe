import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Command, ValidationError } from "@cliffy/command";

/** Runs a program with a root action and one subcommand, and returns what its action received. */
async function run(...args: string[]): Promise<unknown> {
  let received: unknown;
  const eat = new Command()
    .description("Eat.")
    .option("--times <n:integer>", "How often.")
    .arguments("<dish:string> [...more:number]")
    .action((options, dish, ...more) => {
      const times: number | undefined = options.times;
      const numbers: number[] = more;
      received = ["eat", times, dish.toUpperCase(), ...numbers];
    });
  const program = new Command()
    .name("program")
    .version("1.2.3")
    .noExit()
    .option("--max-seq-len <n:integer>", "Length.")
    .option("--frac <n:number>", "Fraction.", { default: 0.5 })
    .option("-q, --quiet", "Say little.")
    .option("--data <path:string>", "Files.", { collect: true })
    .option("--word [word:string]", "A word, or none.")
    .action((options) => {
      const frac: number = options.frac;
      const quiet: true | undefined = options.quiet;
      const _word: string | true | undefined = options.word;
      received = { ...options, frac, quiet };
    });
  program.command("eat", eat);
  await program.parse(args);
  return received;
}

Deno.test("flags, defaults and arguments reach the action with their types", async () => {
  assertEquals(await run(), { frac: 0.5, quiet: undefined });
  assertEquals(
    await run(
      "--max-seq-len",
      "-1",
      "--frac=1e-3",
      "-q",
      "--data",
      "a",
      "--data",
      "b",
    ),
    { maxSeqLen: -1, frac: 0.001, quiet: true, data: ["a", "b"] },
  );
  assertEquals(await run("--word"), { frac: 0.5, quiet: undefined, word: true });
  assertEquals(await run("--word", "hi"), { frac: 0.5, quiet: undefined, word: "hi" });
  assertEquals(await run("eat", "rice", "1", "2", "--times", "3"), [
    "eat",
    3,
    "RICE",
    1,
    2,
  ]);
});

Deno.test("a command line that cannot be understood is a ValidationError", async () => {
  for (
    const [args, message] of [
      [["--max-seq-len", "1.5"], "--max-seq-len"],
      [["--frac", "half"], "--frac"],
      [["--max-seq"], "--max-seq"],
      [["--frac"], "--frac"],
      [["drink"], "drink"],
      [["eat"], "dish"],
    ] as [string[], string][]
  ) {
    const error = await assertRejects(
      () => run(...args),
      ValidationError,
      message,
    );
    assertStringIncludes(error.message, message);
    assertEquals(error.message.includes("\n"), false);
  }
});

Deno.test("--help and --version print and run nothing", async () => {
  const lines: string[] = [];
  const { log } = console;
  console.log = (text: string) => lines.push(text);
  try {
    assertEquals(await run("--version"), undefined);
    assertEquals(await run("eat", "--help"), undefined);
  } finally {
    console.log = log;
  }
  assertStringIncludes(lines[0], "1.2.3");
  assertStringIncludes(lines.join("\n"), "--times");
});
