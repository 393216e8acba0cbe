/**
 * Makes `data/samples/` from a folder of whole datasets:
 * `deno run -A data/make_samples.ts FOLDER`. See `data/README.md` for what it keeps and why.
 *
 * The folder holds `conversations/{train,test}.jsonl.gz` (SmolTalk's shape, with a `source`),
 * `identity/identity_conversations_2025.jsonl.gz`, `mmlu/{auxiliary_train_part,test}.jsonl.gz`,
 * `gsm8k/{train,test}.jsonl.gz`, `arc/{ARC-Easy,ARC-Challenge}/test.jsonl.gz`,
 * `humaneval/test.jsonl.gz`, `words_alpha_2025.txt.gz` and `corpus/*.jsonl.gz` (documents with a
 * `text`). The same folder always gives the same bytes.
 */

import { gunzipSync, gzipSync } from "node:zlib";
import { dirname, join } from "@std/path";
import type { Message } from "../lib/conversation.ts";

/** Most characters of a conversation, by source, and how many to keep to train and to test on. */
const CONVERSATIONS: Record<string, { characters: number; train: number; test: number }> = {
  "dolly": { characters: 400, train: 700, test: 110 },
  "llms-from-scratch": { characters: 300, train: 500, test: 50 },
  "fairytaleqa": { characters: 700, train: 150, test: 20 },
  "schema-guided-dialogue": { characters: 700, train: 150, test: 20 },
};
/** Identity conversations are cut to so many messages, and kept if those are short enough. */
const IDENTITY = { messages: 4, characters: 700 };
/** Most characters of a question with its choices, and of a GSM8K problem with its solution. */
const QUESTION_CHARACTERS = 400;
const PROBLEM_CHARACTERS = 400;
/** How many words of each length to keep: the most frequent. */
const WORDS: Record<number, number> = {
  3: 250,
  4: 500,
  5: 600,
  6: 600,
  7: 600,
  8: 500,
  9: 400,
  10: 250,
  11: 150,
  12: 100,
};

interface Conversation {
  messages: Message[];
  source?: string;
}
interface Question {
  question: string;
  choices: string[] | { text: string[] };
}

const source = Deno.args[0];
const samples = join(import.meta.dirname!, "samples");
let total = 0;

function readText(path: string): string {
  return gunzipSync(Deno.readFileSync(join(source, path))).toString("utf8");
}

function readLines<T>(path: string): T[] {
  return readText(path).trimEnd().split("\n").map((line) => JSON.parse(line));
}

function write(path: string, lines: string[]): void {
  const bytes = gzipSync(lines.map((line) => line + "\n").join(""), { level: 9 });
  const target = join(samples, path);
  Deno.mkdirSync(dirname(target), { recursive: true });
  Deno.writeFileSync(target, bytes);
  total += bytes.length;
  console.log(`${path}: ${lines.length} lines, ${bytes.length} bytes`);
}

function writeRows(path: string, rows: unknown[]): void {
  write(`${path}.jsonl.gz`, rows.map((row) => JSON.stringify(row)));
}

/** So many rows, evenly spread over all. */
function spread<T>(rows: T[], count: number): T[] {
  if (rows.length < count) throw new Error(`${rows.length} rows where ${count} are wanted`);
  return Array.from({ length: count }, (_, i) => rows[Math.floor(i * rows.length / count)]);
}

function messageCharacters({ messages }: Conversation): number {
  return messages.reduce((sum, { content }) => sum + content.length, 0);
}

function questionCharacters({ question, choices }: Question): number {
  const texts = Array.isArray(choices) ? choices : choices.text;
  return question.length + texts.join("").length;
}

function conversations(split: "train" | "test"): Conversation[] {
  const all = readLines<Conversation>(`conversations/${split}.jsonl.gz`);
  const kept = Object.entries(CONVERSATIONS).flatMap(([name, { characters, ...counts }]) =>
    spread(
      all.filter((row) => row.source === name && messageCharacters(row) <= characters),
      counts[split],
    )
  );
  // In the order of the whole, where sources alternate.
  return all.filter((row) => kept.includes(row));
}

function identity(): Conversation[] {
  return readLines<Conversation>("identity/identity_conversations_2025.jsonl.gz")
    .map(({ messages }) => ({ messages: messages.slice(0, IDENTITY.messages) }))
    .filter((row) =>
      row.messages.at(-1)!.role === "assistant" && messageCharacters(row) <= IDENTITY.characters
    );
}

function questions(path: string, count: number): Question[] {
  const rows = readLines<Question>(path);
  return spread(rows.filter((row) => questionCharacters(row) <= QUESTION_CHARACTERS), count);
}

function problems(split: string, count: number): unknown[] {
  const rows = readLines<{ question: string; answer: string }>(`gsm8k/${split}.jsonl.gz`);
  return spread(
    rows.filter(({ question, answer }) => question.length + answer.length <= PROBLEM_CHARACTERS),
    count,
  );
}

function words(): string[] {
  const counts = new Map<string, number>();
  const corpus = [...Deno.readDirSync(join(source, "corpus"))].map(({ name }) => name).sort();
  for (const name of corpus) {
    for (const { text } of readLines<{ text: string }>(`corpus/${name}`)) {
      for (const [word] of text.matchAll(/[a-z]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  const list = readText("words_alpha_2025.txt.gz").split(/\r?\n/);
  const kept = new Set(
    Object.entries(WORDS).flatMap(([length, count]) =>
      list.filter((word) => word.length === Number(length) && counts.has(word))
        .sort((a, b) => counts.get(b)! - counts.get(a)!)
        .slice(0, count)
    ),
  );
  return list.filter((word) => kept.has(word));
}

writeRows("HuggingFaceTB--smol-smoltalk/default/train", conversations("train"));
writeRows("HuggingFaceTB--smol-smoltalk/default/test", conversations("test"));
writeRows("identity_conversations", identity());
writeRows("cais--mmlu/all/auxiliary_train", questions("mmlu/auxiliary_train_part.jsonl.gz", 1500));
writeRows("cais--mmlu/all/test", questions("mmlu/test.jsonl.gz", 300));
writeRows("openai--gsm8k/main/train", problems("train", 600));
writeRows("openai--gsm8k/main/test", problems("test", 100));
for (const subset of ["ARC-Easy", "ARC-Challenge"]) {
  writeRows(`allenai--ai2_arc/${subset}/test`, questions(`arc/${subset}/test.jsonl.gz`, 200));
}
writeRows(
  "openai--openai_humaneval/openai_humaneval/test",
  readLines("humaneval/test.jsonl.gz"),
);
write("words_alpha.txt.gz", words());
console.log(`${total} bytes in all`);
