/**
 * What may be wrong with conversations that one would train on.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Conversation, Message } from "../conversation.ts";
import type { RowFit } from "../dataloader/mod.ts";
import { textOf } from "../tasks/mod.ts";
import { looksCut } from "./looks_cut.ts";
import { oddCharacters } from "./odd_characters.ts";

/** Places that are named of each fault, and members of a group. */
const MOST_NAMED = 3;

/** Long answers from which it is known how a file's end. */
const MANY = 10;

/** Something that may be wrong. */
export interface DataFault {
  /** How many conversations have it; of copies those after the first. */
  count: number;
  /** What it is, in words. */
  words: string;
  /** Where the first few are; of copies and contradictions the places of one group each. */
  places: string[][];
}

/** Conversations that have something in common, by a key. */
type Groups = Map<string, string[]>;

/** Looks at conversations one by one. */
export class FaultFinder {
  readonly #single = new Map<string, { count: number; places: string[] }>();
  readonly #exact: Groups = new Map();
  readonly #spaced: Groups = new Map();
  readonly #questions = new Map<string, { answers: Set<string>; places: string[] }>();
  readonly #cut = { long: 0, count: 0, places: [] as string[] };
  readonly #crLf = { with: [] as string[], count: 0, without: false };
  readonly #T: number;
  #lost = 0;

  /** Begins. T is how many tokens of a row go into the model. */
  constructor(T: number) {
    this.#T = T;
  }

  /** Looks at a conversation, its place, and what a row takes of it. */
  look(conversation: Conversation, place: string, { lost, isTrained }: RowFit): void {
    const { messages } = conversation, last = messages[messages.length - 1];
    this.#compare(conversation, place);
    const answers = messages.filter(({ role }) => role === "assistant");
    const texts = messages.map(plainText), text = texts.join("\n");
    const note = (words: string) => this.#note(words, place);
    if (answers.some((answer) => plainText(answer).trim() === "")) note("Empty answers");
    if (last.role === "user") note("Ends with the user, whose last message is not answered");
    if (!isTrained) note(`No trained text in a row of ${this.#T} tokens, so left out`);
    else if (lost > 0) {
      this.#lost += lost;
      note(this.#longWords);
    }
    if (last.role === "assistant") this.#lookAtEnd(plainText(last), place);
    for (const words of oddCharacters(text)) note(capital(words));
    if (/<\|\w+\|>|\[\/?INST\]/.test(text)) {
      note("Marks of a chat format in the text, such as <|im_end|>");
    }
    if (text.includes("\r\n")) {
      this.#crLf.count++;
      if (this.#crLf.with.length < MOST_NAMED) this.#crLf.with.push(place);
    } else this.#crLf.without ||= text.includes("\n");
  }

  /** What was found, the gravest first. */
  get faults(): DataFault[] {
    const copies = [...this.#exact.values()].filter((places) => places.length > 1);
    // Copies to the letter were counted.
    const spaced = [...this.#spaced.values()].filter((places) => places.length > 1);
    const contrary = [...this.#questions.values()].filter(({ answers }) => answers.size > 1)
      .map(({ places }) => places);
    const faults: DataFault[] = [];
    const add = (words: string, groups: string[][], count: number) => {
      if (count > 0) faults.push({ count, words, places: groups.slice(0, MOST_NAMED) });
    };
    const extra = (groups: string[][]) => groups.reduce((sum, { length }) => sum + length - 1, 0);
    add("Exact copies", copies, extra(copies));
    add("Copies but for white space", spaced, extra(spaced));
    add(
      "The same question with another answer",
      contrary,
      contrary.reduce((sum, { length }) => sum + length, 0),
    );
    for (const [words, { count, places }] of this.#single) {
      const said = words === this.#longWords
        ? `${words}, which loses ${this.#lost.toLocaleString("en-US")} tokens`
        : words;
      add(said, places.map((place) => [place]), count);
    }
    const { long, count, places } = this.#cut;
    // Where most of many end so, it is how they are written.
    if (long < MANY || 2 * count <= long) {
      add("Ends in the middle of a sentence", places.map((place) => [place]), count);
    }
    const { with: ended, count: crLf, without } = this.#crLf;
    if (without) {
      add("Lines end with CR LF, in others with LF", ended.map((place) => [place]), crLf);
    }
    return faults;
  }

  get #longWords(): string {
    return `Longer than a row of ${this.#T} tokens and cut to it`;
  }

  #note(words: string, place: string): void {
    const known = this.#single.get(words) ?? { count: 0, places: [] };
    known.count++;
    if (known.places.length < MOST_NAMED) known.places.push(place);
    this.#single.set(words, known);
  }

  #lookAtEnd(answer: string, place: string): void {
    const found = looksCut(answer);
    if (found === "open code") return this.#note("Ends in a code block that is not closed", place);
    if (found === "short") return;
    this.#cut.long++;
    if (found !== "open sentence") return;
    this.#cut.count++;
    if (this.#cut.places.length < MOST_NAMED) this.#cut.places.push(place);
  }

  #compare({ messages }: Conversation, place: string): void {
    const said = textOf({ messages });
    const exact = hashOf(JSON.stringify(messages));
    if (!push(this.#exact, exact, place)) push(this.#spaced, hashOf(said), place);
    const last = messages[messages.length - 1];
    if (last.role !== "assistant") return;
    const question = hashOf(textOf({ messages: messages.slice(0, -1) }));
    const answer = hashOf(textOf({ messages: [last] }));
    const known = this.#questions.get(question);
    if (!known) this.#questions.set(question, { answers: new Set([answer]), places: [place] });
    else if (!known.answers.has(answer)) {
      known.answers.add(answer);
      known.places.push(place);
    }
  }
}

/** Adds a place to its group; true where the group was there. */
function push(groups: Groups, key: string, place: string): boolean {
  const known = groups.get(key);
  if (known) known.push(place);
  else groups.set(key, [place]);
  return known !== undefined;
}

function capital(words: string): string {
  return words[0].toUpperCase() + words.slice(1);
}

function plainText({ content }: Message): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("");
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64").slice(0, 22);
}
