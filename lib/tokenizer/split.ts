/**
 * Split patterns: the regular expression that cuts text into pieces before merges happen inside
 * each piece. A tokenizer's file states it in the dialect of Rust's `fancy-regex`; here it becomes
 * a JavaScript `RegExp` of the same meaning.
 */

import { UserError } from "../errors.ts";

/** nanochat's pattern: GPT-4's, but digits go in twos, which spares a small vocabulary. */
export const SPLIT_PATTERN: string = String
  .raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`;

/** Classes whose JavaScript meaning is narrower (`\d`) or other (`\s` has U+FEFF, lacks U+0085). */
const UNICODE_CLASSES: Record<string, string> = {
  s: String.raw`\p{White_Space}`,
  S: String.raw`\P{White_Space}`,
  d: String.raw`\p{Nd}`,
  D: String.raw`\P{Nd}`,
};

const ESCAPE = /\\(?:[pP]\{[^}]*\}|[^])/y;
const CLASS = /\[\^?(?:\\[^]|[^\]\\])*\]/y;
const GROUP = /\((?:\?(?:[a-z]*:|<?[=!]))?/y;
const QUANTIFIER = /[?*+]|\{\d+(?:,\d*)?\}/y;

/**
 * Compiles a split pattern.
 *
 * JavaScript has no possessive quantifiers. A lookahead is atomic, so `X++`, which never gives
 * back what it took, is written `(?=(?<a>X+))\k<a>`.
 *
 * @param pattern The pattern as the tokenizer's file states it.
 * @returns A sticky, Unicode-aware expression.
 * @throws {UserError} If the pattern uses something that has no equivalent here.
 */
export function compileSplitPattern(pattern: string): RegExp {
  let out = "";
  let atomStart = 0; // where in `out` the last atom begins: what a quantifier applies to
  let atomicGroups = 0;
  const groupStarts: number[] = [];
  let at = 0;
  const take = (syntax: RegExp): string | undefined => {
    syntax.lastIndex = at;
    const text = syntax.exec(pattern)?.[0];
    if (text) at += text.length;
    return text;
  };
  while (at < pattern.length) {
    let text: string | undefined;
    if ((text = take(QUANTIFIER))) {
      if (pattern[at] === "+") {
        at++;
        const name = `a${atomicGroups++}`;
        out = `${out.slice(0, atomStart)}(?=(?<${name}>${
          out.slice(atomStart)
        }${text}))\\k<${name}>`;
      } else {
        out += text;
        if (pattern[at] === "?") out += pattern[at++];
      }
    } else if ((text = take(GROUP))) {
      groupStarts.push(out.length);
      out += text;
    } else if (pattern[at] === ")") {
      atomStart = groupStarts.pop() ?? 0;
      out += pattern[at++];
    } else {
      atomStart = out.length;
      if ((text = take(ESCAPE))) out += translateEscape(text, pattern);
      else if ((text = take(CLASS))) {
        out += translateClass(text, pattern);
      } else {
        text = pattern[at++];
        out += text === "." ? String.raw`[^\n]` : text;
      }
    }
  }
  try {
    return new RegExp(out, "uy");
  } catch (error) {
    throw unsupported(pattern, (error as Error).message);
  }
}

function translateClass(set: string, pattern: string): string {
  // Rust has sets inside sets and set arithmetic, which here would be plain characters.
  if (/[^\\]\[|&&|--|~~/.test(set)) throw unsupported(pattern, `${set} has no equivalent`);
  return set.replace(new RegExp(ESCAPE, "g"), (escape) => translateEscape(escape, pattern));
}

function translateEscape(escape: string, pattern: string): string {
  const letter = escape[1];
  if (letter in UNICODE_CLASSES) return UNICODE_CLASSES[letter];
  if (/[a-zA-Z0-9]/.test(letter) && !/[pPrntfv]/.test(letter)) {
    throw unsupported(pattern, `${escape} has no equivalent`);
  }
  return escape;
}

function unsupported(pattern: string, why: string): UserError {
  return new UserError(`cannot use the tokenizer's split pattern ${pattern} (${why})`);
}

/**
 * The pieces of a text, in order; together they are the text.
 *
 * @param text Well-formed text (no lone surrogates).
 * @param splitter What {@linkcode compileSplitPattern} gave.
 * @throws {UserError} If the pattern leaves a character uncovered, or one piece is too long for
 * the regular expression engine (several million characters without a break).
 */
export function* splitText(text: string, splitter: RegExp): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = pieceEnd(text, start, splitter);
    yield text.slice(start, end);
    start = end;
  }
}

/** Where the piece that begins at `start` ends; throws as {@linkcode splitText} does. */
export function pieceEnd(text: string, start: number, splitter: RegExp): number {
  splitter.lastIndex = start;
  let matched: boolean;
  try {
    matched = splitter.test(text);
  } catch {
    throw new UserError(
      `text from character ${start} on has no place to split it for millions of characters; ` +
        `break it up before it is encoded`,
    );
  }
  if (!matched || splitter.lastIndex === start) {
    throw new UserError(`the tokenizer's split pattern matches nothing at character ${start}`);
  }
  return splitter.lastIndex;
}
