import { assert, assertEquals } from "@std/assert";
import { baseCommand } from "../../cli/base.ts";
import { chatCommand } from "../../cli/chat.ts";
import { evalCommand } from "../../cli/eval.ts";
import { commandOf } from "../../cli/command.ts";
import { type CommandName, COMMANDS, defaultOf, flagOf } from "../../cli/flag.ts";
import { flagsOf } from "../../cli/flags.ts";
import { exportCommand } from "../../cli/export.ts";
import { importCommand } from "../../cli/import.ts";
import { inspectCommand } from "../../cli/inspect.ts";
import { serveCommand } from "../../cli/serve.ts";
import { sftCommand } from "../../cli/sft.ts";
import { tokTrainCommand } from "../../cli/tok_train.ts";
import { flagsPage } from "../../docs/make_flags.ts";

Deno.test("flags are names in kebab case", () => {
  assertEquals(flagOf("gsm8kEpochs"), "--gsm8k-epochs");
  assertEquals(flagOf("simpleSpellingSize"), "--simple-spelling-size");
});

Deno.test("docs/flags.md is what the table of flags gives", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/flags.md", import.meta.url));
  assertEquals(page, flagsPage(), "run deno run -A docs/make_flags.ts");
});

Deno.test("a command's help shows its flags under their headings, with their defaults", () => {
  const commands = {
    "sft": sftCommand(),
    "chat": chatCommand(),
    "serve": serveCommand(),
    "eval": evalCommand(),
    "inspect": inspectCommand(),
    "export": exportCommand(),
    "import": importCommand(),
    "tok-train": tokTrainCommand(),
    "base": baseCommand(),
  };
  for (const [name, command] of Object.entries(commands)) {
    const help = command.getHelp();
    const shown = help.split("\n").flatMap((line) =>
      /^\s+(?:-\w, )?(--[\w-]+)/.exec(line)?.[1] ?? []
    );
    const wanted = flagsOf(name as keyof typeof commands).map(({ name }) => flagOf(name));
    assertEquals(shown.filter((flag) => flag !== "--help"), wanted);
  }
  const help = commands.sft.getHelp().replaceAll(/\s+/g, " ");
  for (
    const words of [
      "-1 only at the end. (default: 200)",
      "Learning rates:",
      "(default: the deepest)",
    ]
  ) {
    assert(help.includes(words), words);
  }
});

Deno.test("every default is a value that its flag takes", () => {
  for (const command of Object.keys(COMMANDS) as CommandName[]) {
    for (const { name, flag } of flagsOf(command)) {
      const value = defaultOf(flag, command);
      const rule = flag.rule as { allows(value: unknown): boolean } | undefined;
      assert(value === undefined || !rule || rule.allows(value), `${command} ${flagOf(name)}`);
    }
  }
});

Deno.test("every flag of every command reaches what the command runs", async () => {
  for (const command of Object.keys(COMMANDS) as CommandName[]) {
    for (const { name, flag } of flagsOf(command)) {
      let given: Record<string, unknown> = {};
      const program = commandOf(command, {
        run: (values) => Promise.resolve(void (given = values)),
      });
      const isText = flag.value?.endsWith(":string");
      await program.noExit().parse([flagOf(name), ...flag.value ? [isText ? "x" : "1"] : []]);
      const value = !flag.value || flag.isSwitch ? true : isText ? "x" : 1;
      assertEquals(given, { [name]: flag.isRepeatable ? [value] : value });
    }
  }
});
