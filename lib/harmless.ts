/**
 * Text of data and models on a terminal, which obeys control characters instead of showing them.
 *
 * @module
 */

/** Control characters but for newline and tab, and what reverses the direction of writing. */
// deno-lint-ignore no-control-regex
const OBEYED = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;

/**
 * The text with what a terminal would obey written out as JSON does, `\u001b`: it can neither move
 * the cursor nor clear the screen, set a title, or show letters in another order than they have.
 */
export function harmless(text: string): string {
  return text.replace(OBEYED, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
