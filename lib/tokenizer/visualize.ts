import { harmless } from "../harmless.ts";

const RED = "\x1b[91m", GREEN = "\x1b[92m", RESET = "\x1b[0m";

/**
 * A view of which tokens are trained on, tokens separated by `|`. Control characters in them are
 * written out: the only ones are the colours'.
 *
 * @param texts The text of each token.
 * @param mask For each token 1 if it is trained on, else 0.
 * @param color Green for trained and red for not; without colours trained tokens stand in `⟦⟧`.
 */
export function visualizeTokens(texts: string[], mask: ArrayLike<number>, color: boolean): string {
  return texts.map(harmless).map((text, i) => {
    if (color) return `${mask[i] ? GREEN : RED}${text}${RESET}`;
    return mask[i] ? `⟦${text}⟧` : text;
  }).join("|");
}
