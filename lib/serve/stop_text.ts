/**
 * Texts that end an answer.
 *
 * @module
 */
import type { AnswerPiece } from "./answer_piece.ts";

/** Looks for stop texts in an answer that comes in pieces, and holds back what may begin one. */
export class StopText {
  readonly #stops: readonly string[];
  #held: AnswerPiece[] = [];
  #found = false;

  /** @param stops The texts, none of them empty. */
  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Whether a stop text was found; the answer ends before it. */
  get found(): boolean {
    return this.#found;
  }

  /** The pieces that can be shown once these have come. */
  push(pieces: readonly AnswerPiece[]): AnswerPiece[] {
    this.#held.push(...pieces);
    const text = this.#held.map((piece) => piece.text).join("");
    const places = this.#stops.map((stop) => text.indexOf(stop)).filter((place) => place >= 0);
    this.#found = places.length > 0;
    return this.#take(this.#found ? Math.min(...places) : text.length - this.#begun(text));
  }

  /** What was held back, when no more comes. */
  end(): AnswerPiece[] {
    return this.#take(Infinity);
  }

  /** How many characters at the end of a text may begin a stop text. */
  #begun(text: string): number {
    const longest = Math.max(0, ...this.#stops.map(({ length }) => length - 1));
    for (let start = Math.max(0, text.length - longest); start < text.length; start++) {
      const rest = text.slice(start);
      if (this.#stops.some((stop) => stop.startsWith(rest))) return rest.length;
    }
    return 0;
  }

  /** Takes so many characters out of what is held; a piece that is cut keeps its tokens in front. */
  #take(characters: number): AnswerPiece[] {
    const taken: AnswerPiece[] = [];
    for (let piece; (piece = this.#held[0]) !== undefined;) {
      if (piece.text.length > characters) {
        if (characters > 0) {
          taken.push({ ...piece, text: piece.text.slice(0, characters) });
          this.#held[0] = { ...piece, text: piece.text.slice(characters), tokens: [] };
        }
        break;
      }
      taken.push(piece);
      characters -= piece.text.length;
      this.#held.shift();
    }
    return taken;
  }
}
