/**
 * Characters that a text seldom has on purpose.
 *
 * @module
 */

/** What Windows-1252 makes of the bytes 80 to BF, but for closing quotes and dashes. */
const BYTES = "\\u0080-\\u00bf€‚ƒ„†‡ˆ‰Š‹ŒŽ•˜™š›œžŸ";
/** The same with them. */
const ALL_BYTES = `${BYTES}…‘’“”–—`;

/** What is odd, in words, and how it is found. */
const ODDITIES: readonly (readonly [words: string, found: RegExp])[] = [
  ["U+FFFD, which stands where a character was lost", /\ufffd/],
  ["NUL characters", /\0/],
  // deno-lint-ignore no-control-regex
  ["control characters", /[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/],
  ["half of a character (unpaired surrogates)", /\p{Surrogate}/u],
  ["private or unassigned characters", /[\p{Co}\p{Noncharacter_Code_Point}]/u],
  // Those that join and part letters belong to Persian, Indic scripts and emoji.
  ["invisible characters (zero width)", /[\u200b\u2060\ufeff\u180e]/],
  ["marks that turn the direction of writing", /[\u202a-\u202e\u2066-\u2069]/],
  [
    "UTF-8 that was read as another encoding, such as Ã© for é",
    // Ã and Â end words of capitals, before quotes and dashes.
    new RegExp(
      `(?<!\\p{Lu})(?:Ã[${BYTES}]|Â[${BYTES}])|â€[${ALL_BYTES}]|ðŸ[${ALL_BYTES}]|` +
        `(?:[ÐÑ][${ALL_BYTES}]){2}|(?:[ä-é][${BYTES}]{2}){2}`,
      "u",
    ),
  ],
];

/** The words of what is odd in a text. */
export function oddCharacters(text: string): string[] {
  return ODDITIES.filter(([, found]) => found.test(text)).map(([words]) => words);
}
