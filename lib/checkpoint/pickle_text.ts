// The argument forms of the textual pickle opcodes (protocol 0). Each parser returns undefined
// for what Python would not have written.

/** CPython refuses longer decimal text too; the conversion is quadratic. */
const MAX_DECIMAL_DIGITS = 4300;

/** The line of INT, LONG, PUT or GET: a decimal, an `L` allowed after it; `00` and `01` are bools. */
export function parseIntegerLine(line: string): number | bigint | boolean | undefined {
  if (line === "00") return false;
  if (line === "01") return true;
  const digits = line.endsWith("L") ? line.slice(0, -1) : line;
  if (digits.length > MAX_DECIMAL_DIGITS || !/^[+-]?\d+$/.test(digits)) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : BigInt(digits);
}

/** The line of FLOAT: Python's repr of a float. */
export function parseFloatLine(line: string): number | undefined {
  switch (line) {
    case "inf":
      return Infinity;
    case "-inf":
      return -Infinity;
    case "nan":
      return NaN;
  }
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(line) ? Number(line) : undefined;
}

/** The line of UNICODE: text whose backslashes, newlines and wide characters are `\u` escapes. */
export function parseUnicodeLine(line: string): string | undefined {
  let ok = true;
  const text = line.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g, (_, short, long) => {
    const code = parseInt(short ?? long, 16);
    if (code <= 0x10ffff) return String.fromCodePoint(code);
    ok = false;
    return "";
  });
  return ok ? text : undefined;
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  n: "\n",
  r: "\r",
  t: "\t",
};

/** The line of STRING: a quoted Python 2 string literal. */
export function parseRepr(line: string): string | undefined {
  const quoted = /^(['"])(.*)\1$/s.exec(line);
  if (quoted === null) return undefined;
  let ok = true;
  const text = quoted[2].replace(/\\(?:x([0-9a-fA-F]{2})|(.?))/gs, (_, hex, escaped) => {
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    const character = SIMPLE_ESCAPES[escaped];
    if (character === undefined) ok = false;
    return character ?? "";
  });
  return ok ? text : undefined;
}
