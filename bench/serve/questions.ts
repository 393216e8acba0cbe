/** What people ask. */
import { join } from "@std/path";
import { openFile } from "../../lib/tasks/mod.ts";

const SAMPLES = join(import.meta.dirname!, "../../data/samples");

/** Conversations, and problems of primary school, by turns. */
const FILES = [
  "HuggingFaceTB--smol-smoltalk/default/train.jsonl.gz",
  "openai--gsm8k/main/train.jsonl.gz",
];

/** Longer ones would leave a small context no room for an answer. */
const LONGEST = 600;

/** Some thousands of questions, none of them twice, from the samples that come with the package. */
export async function loadQuestions(): Promise<string[]> {
  const questions = new Set<string>();
  for (const file of FILES) {
    const text = await new Response(await openFile(join(SAMPLES, file))).text();
    for (const line of text.trimEnd().split("\n")) {
      const { messages, question } = JSON.parse(line);
      const asked: string = question ?? messages.find(isUser).content;
      if (asked.length <= LONGEST) questions.add(asked);
    }
  }
  return [...questions];
}

const isUser = ({ role }: { role: string }): boolean => role === "user";
