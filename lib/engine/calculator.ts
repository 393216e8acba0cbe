/**
 * The calculator a model calls from its own text, answering as Python would.
 *
 * @module
 */

/** A Python number: `bigint` stands for `int`, `number` for `float`. */
type PyNumber = bigint | number;

/** Longer expressions are refused; it bounds the time taken, the depth and the size of results. */
const MAX_LENGTH = 256;

const COUNT_CALL = /^ *(['"])([A-Za-z0-9 ._()]*)\1\.count\((['"])([A-Za-z0-9 ._()]*)\3\) *$/;
const ARITHMETIC = /^[0-9 ()*+/.-]+$/;
const TOKEN = / *(\/\/|[()*+/-]|[0-9]+\.?[0-9]*|\.[0-9]+)/y;
/** Python refuses integers such as `007`, which other languages read as octal. */
const INTEGER = /^(0+|[1-9][0-9]*)$/;

/** Thrown inside this file alone: there is no result. */
class NoResult extends Error {}

/**
 * Evaluates an expression as nanochat's `use_calculator` does (`nanochat/engine.py`), by a parser
 * of its own instead of Python's `eval`.
 *
 * Understood are numbers with `+ - * / // ( )`, where thousands commas are dropped, and counting
 * letters in a word: `'strawberry'.count('r')`. Results are written as Python writes them:
 * integers are exact at any size, `/` gives a float, floats have the shortest text that reads back
 * the same.
 *
 * @param expression What the model wrote, at most 256 characters.
 * @returns The result, or null for everything else: names, calls, `**`, `%`, a division by zero.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { calculate } from "@nanochat/sft/engine";
 *
 * assertEquals(calculate("1,200 / 12 + 2"), "102.0");
 * assertEquals(calculate("'strawberry'.count('r')"), "3");
 * assertEquals(calculate("open('/etc/passwd')"), null);
 * ```
 */
export function calculate(expression: string): string | null {
  if (expression.length > MAX_LENGTH) return null;
  const text = expression.replaceAll(",", "");
  const call = COUNT_CALL.exec(text);
  if (call) return String(count(call[2], call[4]));
  if (!ARITHMETIC.test(text)) return null;
  try {
    return format(new Parser(tokenize(text)).parse());
  } catch (error) {
    if (error instanceof NoResult) return null;
    throw error;
  }
}

/** Occurrences that do not overlap; the empty text occurs between any two letters and around. */
function count(text: string, part: string): number {
  return part === "" ? text.length + 1 : text.split(part).length - 1;
}

function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < end;) {
    const match = TOKEN.exec(text);
    if (!match) throw new NoResult();
    tokens.push(match[1]);
  }
  return tokens;
}

/** Recursive descent over `sum = term (+|- term)*`, `term = factor (*|/|// factor)*`. */
class Parser {
  #next = 0;

  constructor(readonly tokens: string[]) {}

  parse(): PyNumber {
    const value = this.#sum();
    if (this.#next < this.tokens.length) throw new NoResult();
    return value;
  }

  #accept(...choices: string[]): string | undefined {
    const token = this.tokens[this.#next];
    if (!choices.includes(token)) return undefined;
    this.#next++;
    return token;
  }

  #sum(): PyNumber {
    return this.#chain(["+", "-"], () => this.#term());
  }

  #term(): PyNumber {
    return this.#chain(["*", "/", "//"], () => this.#factor());
  }

  #chain(operators: string[], operand: () => PyNumber): PyNumber {
    let value = operand();
    for (let operator; (operator = this.#accept(...operators));) {
      value = apply(OPERATIONS[operator], value, operand());
    }
    return value;
  }

  #factor(): PyNumber {
    if (this.#accept("-")) return -this.#factor();
    if (this.#accept("+")) return this.#factor();
    if (this.#accept("(")) {
      const value = this.#sum();
      if (!this.#accept(")")) throw new NoResult();
      return value;
    }
    const token = this.tokens[this.#next++];
    if (token === undefined || !/[0-9]/.test(token)) throw new NoResult();
    if (token.includes(".")) return Number(token);
    if (!INTEGER.test(token)) throw new NoResult();
    return BigInt(token);
  }
}

interface Operation {
  integers(a: bigint, b: bigint): PyNumber;
  floats(a: number, b: number): number;
}

const OPERATIONS: Record<string, Operation> = {
  "+": { integers: (a, b) => a + b, floats: (a, b) => a + b },
  "-": { integers: (a, b) => a - b, floats: (a, b) => a - b },
  "*": { integers: (a, b) => a * b, floats: (a, b) => a * b },
  "/": { integers: divideExactly, floats: (a, b) => a / nonZero(b) },
  "//": { integers: floorDivide, floats: floorDivideFloats },
};

/** An integer becomes a float where it meets one. */
function apply({ integers, floats }: Operation, a: PyNumber, b: PyNumber): PyNumber {
  if (typeof a === "bigint" && typeof b === "bigint") return integers(a, b);
  return floats(Number(a), Number(b));
}

function nonZero<T extends PyNumber>(divisor: T): T {
  if (!divisor) throw new NoResult();
  return divisor;
}

/** The float nearest to the quotient, which dividing two rounded floats would miss. */
function divideExactly(a: bigint, b: bigint): number {
  const negative = (a < 0n) !== (b < 0n);
  const [top, bottom] = [a < 0n ? -a : a, nonZero(b < 0n ? -b : b)];
  // 64 or more bits of quotient; a remainder is kept as a last odd bit, so that ties stay right.
  const shift = Math.max(0, 66 + bits(bottom) - bits(top));
  const scaled = top << BigInt(shift);
  const quotient = (scaled / bottom) | (scaled % bottom === 0n ? 0n : 1n);
  const value = Number(quotient) * 2 ** -shift;
  return negative ? -value : value;
}

const bits = (a: bigint): number => a.toString(2).length;

function floorDivide(a: bigint, b: bigint): bigint {
  const towardsZero = a / nonZero(b);
  return a % b !== 0n && (a < 0n) !== (b < 0n) ? towardsZero - 1n : towardsZero;
}

/** CPython's `_float_div_mod`: the remainder is exact, the quotient is rounded to a whole one. */
function floorDivideFloats(a: number, b: number): number {
  const remainder = a % nonZero(b);
  let quotient = (a - remainder) / b;
  if (remainder !== 0 && (b < 0) !== (remainder < 0)) quotient -= 1;
  if (quotient === 0) return 0 * (a / b);
  const whole = Math.floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

/** Python's `str`: floats keep their point, and their exponent has two digits at least. */
function format(value: PyNumber): string {
  if (typeof value === "bigint") return value.toString();
  if (!Number.isFinite(value)) throw new NoResult();
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits, exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const text = `${value}`;
  return text.includes(".") ? text : `${text}.0`;
}
