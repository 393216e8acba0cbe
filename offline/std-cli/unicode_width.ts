/**
 * Stand-in for `jsr:@std/cli/unicode-width` where JSR cannot be reached, over `npm:string-width`.
 *
 * @module
 */

import stringWidth from "string-width";

/** How many columns of a terminal the text takes. */
export function unicodeWidth(str: string): number {
  return stringWidth(str);
}
