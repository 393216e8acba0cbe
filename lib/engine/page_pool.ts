/**
 * Who holds which pages of the cache of keys and values, and what has been read into them: a prompt
 * that begins as another did goes on from its pages (Kwon et al., PagedAttention; the tree of
 * beginnings is that of Zheng et al., RadixAttention).
 *
 * @module
 */

/** A page: what its rows hold, and between which others it stands. */
interface Page {
  readonly index: number;
  /** Tokens whose keys and values its rows hold. */
  tokens: number[];
  /** The page with the tokens before, or the root. */
  parent: Branch | undefined;
  readonly children: Set<Page>;
  /** How many sequences hold it. */
  holders: number;
  /** When it was last let go or copied; the least goes first. */
  leftAt: number;
}

/** A page, or the beginning of all. */
type Branch = Pick<Page, "children">;

/** Pages of one sequence. */
export interface Lease {
  /** For as many tokens as the sequence will have, in their order. */
  readonly pages: readonly number[];
  /** How many tokens' keys and values they hold from before, once {@link copy} is done. */
  readonly shared: number;
  /** A page that must be copied to another first: its beginning is shared, its rest is not. */
  readonly copy?: { readonly from: number; readonly to: number };
}

/** Deals out a fixed number of pages. */
export class PagePool {
  readonly #size: number;
  readonly #free: Page[];
  readonly #root: Branch = { children: new Set() };
  readonly #held = new Map<Lease, { pages: Page[]; length: number }>();
  /** How many pages nobody holds are kept for what they hold. */
  #kept = 0;
  #time = 0;

  /**
   * All pages are free.
   *
   * @param count How many there are.
   * @param size Tokens of a page.
   */
  constructor(readonly count: number, size: number) {
    this.#size = size;
    this.#free = Array.from({ length: count }, (_, i) => ({
      index: count - 1 - i,
      tokens: [],
      parent: undefined,
      children: new Set(),
      holders: 0,
      leftAt: 0,
    }));
  }

  /** How many pages sequences hold. */
  get held(): number {
    return this.count - this.#free.length - this.#kept;
  }

  /**
   * Pages for a sequence, of which the first may hold its beginning already.
   *
   * @param tokens What will be read.
   * @param limit Most tokens the sequence will have.
   * @returns Undefined where too few pages are free: ask again when another sequence has ended.
   */
  lease(tokens: readonly number[], limit: number): Lease | undefined {
    const size = this.#size, begun: Page[] = [];
    let branch: Branch = this.#root;
    for (let next; (next = this.#wholePage(branch, tokens, begun.length * size));) {
      begun.push(next);
      branch = next;
    }
    const start = begun.length * size, partly = closest(branch, tokens.slice(start, start + size));
    const takesOver = partly && partly.page.holders === 0 && partly.page.children.size === 0;
    if (takesOver) begun.push(partly.page);
    // What is held is not given to others meanwhile.
    begun.forEach((page) => this.#hold(page));
    const missing = Math.ceil(limit / size) - begun.length;
    if (missing > this.#free.length + this.#kept) {
      begun.forEach((page) => this.#letGo(page));
      return undefined;
    }
    const beginning = partly?.page.tokens.slice(0, partly.length) ?? [];
    if (partly) partly.page.leftAt = this.#time;
    if (takesOver) partly.page.tokens = beginning;
    const pages = [...begun, ...Array.from({ length: missing }, () => this.#takeFree())];
    let copy: Lease["copy"];
    if (partly && !takesOver) {
      // The page that is copied may itself be one of those taken: it is copied before it is written.
      const from = partly.page, to = pages[begun.length];
      to.tokens = beginning;
      attach(to, branch);
      if (to !== from) copy = { from: from.index, to: to.index };
    }
    const shared = start + beginning.length;
    const lease = { pages: pages.map(({ index }) => index), shared, copy };
    this.#held.set(lease, { pages, length: shared });
    return lease;
  }

  /**
   * Says what a sequence's pages hold by now.
   *
   * @param tokens Its tokens.
   * @param length Of how many of them keys and values are there.
   */
  holds(lease: Lease, tokens: readonly number[], length: number): void {
    const held = this.#held.get(lease)!, size = this.#size;
    for (; held.length < length; held.length++) {
      const number = Math.floor(held.length / size), page = held.pages[number];
      if (!page.parent) attach(page, number === 0 ? this.#root : held.pages[number - 1]);
      page.tokens.push(tokens[held.length]);
    }
  }

  /** Takes a sequence's pages back. What they hold is kept for others until they are needed. */
  giveBack(lease: Lease): void {
    const { pages } = this.#held.get(lease)!;
    this.#held.delete(lease);
    this.#time++;
    pages.forEach((page) => this.#letGo(page));
  }

  /** The page of a branch that holds all the tokens from a place on, if they fill one. */
  #wholePage({ children }: Branch, tokens: readonly number[], start: number): Page | undefined {
    if (start + this.#size > tokens.length) return undefined;
    return children.values().find((page) =>
      page.tokens.length === this.#size &&
      page.tokens.every((token, i) => token === tokens[start + i])
    );
  }

  #hold(page: Page): void {
    if (page.holders++ === 0) this.#kept--;
  }

  #letGo(page: Page): void {
    page.holders--;
    if (page.holders > 0) return;
    page.leftAt = this.#time;
    if (page.parent) this.#kept++;
    else this.#free.push(page);
  }

  /** A page that holds nothing any more, for one more sequence. */
  #takeFree(): Page {
    const page = this.#free.pop() ?? this.#forget();
    page.holders = 1;
    return page;
  }

  /** Gives up what has waited longest for someone who begins so; what goes on from it went before. */
  #forget(): Page {
    let oldest: Page | undefined;
    const visit = (page: Page) => {
      page.children.forEach(visit);
      const isFree = page.holders === 0 && page.children.size === 0;
      if (isFree && !(oldest && oldest.leftAt <= page.leftAt)) oldest = page;
    };
    this.#root.children.forEach(visit);
    const page = oldest!;
    page.parent!.children.delete(page);
    page.parent = undefined;
    page.tokens = [];
    this.#kept--;
    return page;
  }
}

function attach(page: Page, parent: Branch): void {
  page.parent = parent;
  parent.children.add(page);
}

/** The page of a branch that begins with most of the tokens, and how many those are. */
function closest(
  { children }: Branch,
  tokens: readonly number[],
): { page: Page; length: number } | undefined {
  let best: { page: Page; length: number } | undefined;
  for (const page of children) {
    const differs = tokens.findIndex((token, i) => page.tokens[i] !== token);
    const length = differs < 0 ? tokens.length : differs;
    if (length > (best?.length ?? 0)) best = { page, length };
  }
  return best;
}
