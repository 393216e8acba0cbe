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

const SPACED = "Copies but for white space";
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

/** Numbers of conversations that have something in common, by a key: of one alone without a list. */
type Groups = Map<string, number | number[]>;

/** Looks at conversations one by one. */
export class FaultFinder {
  readonly #single = new Map<string, { count: number; places: string[] }>();
  readonly #exact: Groups = new Map();
  readonly #spaced: Groups = new Map();
  /** By the question: the first answer and its conversation. */
  readonly #answers = new Map<string, { answer: string; number: number }>();
  /** By the question: all its answers, where there are several, and the first conversation of each. */
  readonly #contrary = new Map<string, Map<string, number>>();
  readonly #cut = { long: 0, count: 0, places: [] as string[] };
  readonly #crLf = { with: [] as string[], count: 0, without: false };
  readonly #T: number;
  readonly #placeOf: (number: number) => string;
  #lost = 0;

  /**
   * Begins.
   *
   * @param T How many tokens of a row go into the model.
   * @param placeOf Names a conversation for a person.
   */
  constructor(T: number, placeOf: (number: number) => string) {
    this.#T = T;
    this.#placeOf = placeOf;
  }

  /** Looks at a conversation, by its number, and at what a row takes of it. */
  look(conversation: Conversation, number: number, { lost, isTrained }: RowFit): void {
    const { messages } = conversation, last = messages[messages.length - 1];
    this.#compare(conversation, number);
    const place = this.#placeOf(number);
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
    const faults: DataFault[] = [];
    const add = (words: string, places: string[][], count: number) => {
      if (count > 0) faults.push({ count, words, places });
    };
    const addGroups = (words: string, groups: number[][], count: number) => {
      const named = groups.slice(0, MOST_NAMED).map((group) => group.map(this.#placeOf));
      add(words, named, count);
    };
    const members = (groups: number[][]) => groups.reduce((sum, { length }) => sum + length, 0);
    for (const [words, all] of [["Exact copies", this.#exact], [SPACED, this.#spaced]] as const) {
      const groups = [...all.values()].filter((group) => typeof group === "object");
      addGroups(words, groups, members(groups) - groups.length);
    }
    const contrary = [...this.#contrary.values()].map((answers) => [...answers.values()]);
    addGroups("The same question with another answer", contrary, members(contrary));
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

  #compare({ messages }: Conversation, number: number): void {
    const exact = hashOf(JSON.stringify(messages));
    // Copies to the letter are not counted again.
    if (!push(this.#exact, exact, number)) {
      push(this.#spaced, hashOf(textOf({ messages })), number);
    }
    const last = messages[messages.length - 1];
    if (last.role !== "assistant") return;
    const question = hashOf(textOf({ messages: messages.slice(0, -1) }));
    const answer = hashOf(textOf({ messages: [last] })), first = this.#answers.get(question);
    if (!first) return void this.#answers.set(question, { answer, number });
    if (first.answer === answer) return;
    const all = this.#contrary.get(question) ?? new Map([[first.answer, first.number]]);
    if (!all.has(answer)) this.#contrary.set(question, all.set(answer, number));
  }
}

/** Adds a conversation to its group; true where the group was there. */
function push(groups: Groups, key: string, number: number): boolean {
  const known = groups.get(key);
  if (typeof known === "object") known.push(number);
  else groups.set(key, known === undefined ? number : [known, number]);
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
