/**
 * The little template language of the kernels in `kernels/webgpu/`. Shader compilers behind WebGPU
 * do not unroll loops reliably, and a binding that is declared must be bound; so loops over
 * registers are unrolled, and optional bindings left out, in the text itself.
 *
 * - `//# for i < EXPR` … `//# end` repeats its lines with `$i` from 0.
 * - `//# if EXPR` … `//# else` … `//# end` keeps one side.
 * - `$name` and `$[EXPR]` are replaced by their values.
 *
 * Expressions are integers and names with `+ - * / % == <`, `!` and parentheses; `/` rounds down.
 *
 * @module
 */

/** The values of a template's names. A string may only be inserted, as a type's name is. */
export type TemplateValues = Readonly<Record<string, number | boolean | string>>;

const OPERATORS: Record<string, [precedence: number, apply: (a: number, b: number) => number]> = {
  "==": [1, (a, b) => +(a === b)],
  "<": [1, (a, b) => +(a < b)],
  "+": [2, (a, b) => a + b],
  "-": [2, (a, b) => a - b],
  "*": [3, (a, b) => a * b],
  "/": [3, (a, b) => Math.floor(a / b)],
  "%": [3, (a, b) => a % b],
};

/** The integer an expression gives. */
function evaluate(expression: string, values: TemplateValues): number {
  const tokens = expression.match(/\d+|\w+|==|\S/g) ?? [];
  let next = 0;
  const operand = (): number => {
    const token = tokens[next++];
    if (token === "!") return +!operand();
    if (token === "(") {
      const value = operation(0);
      next++;
      return value;
    }
    const value = /^\d/.test(token) ? token : values[token];
    if (value === undefined) throw new Error(`template: ${token} is unknown in ${expression}`);
    return Number(value);
  };
  const operation = (above: number): number => {
    let value = operand();
    while (next < tokens.length && OPERATORS[tokens[next]]?.[0] > above) {
      const [precedence, apply] = OPERATORS[tokens[next++]];
      value = apply(value, operation(precedence));
    }
    return value;
  };
  return operation(0);
}

/** A part of a template: a line, or a block of parts. */
type Part = string | Loop | Choice;

interface Loop {
  kind: "for";
  name: string;
  limit: string;
  parts: readonly Part[];
}

interface Choice {
  kind: "if";
  condition: string;
  parts: readonly Part[];
  otherwise: readonly Part[];
}

/** Takes a template's lines apart into blocks. */
function parse(source: string): readonly Part[] {
  const lines = source.split("\n");
  let next = 0;
  const fail = (number: number, problem: string): never => {
    throw new Error(`template: "${lines[number - 1].trim()}" (line ${number}) ${problem}`);
  };

  /** Parts up to the `//# end` or, where that is allowed, the `//# else` of a line's block. */
  const partsOf = (opening: number, mayElse: boolean): { parts: Part[]; closing: string } => {
    const parts: Part[] = [];
    while (next < lines.length) {
      const line = lines[next++], number = next;
      const [, word, rest] = /^\s*\/\/#\s*(\w*)(.*)/.exec(line) ?? [];
      if (word === undefined) {
        parts.push(line);
      } else if (word === "for") {
        const [, name, limit] = /^\s*(\w+) < (.+)/.exec(rest) ?? fail(number, "is not i < LIMIT");
        parts.push({ kind: "for", name, limit, parts: partsOf(number, false).parts });
      } else if (word === "if") {
        const { parts: first, closing } = partsOf(number, true);
        const otherwise = closing === "else" ? partsOf(number, false).parts : [];
        parts.push({ kind: "if", condition: rest, parts: first, otherwise });
      } else if (opening > 0 && (word === "end" || mayElse && word === "else")) {
        return { parts, closing: word };
      } else {
        const known = word === "end" || word === "else";
        fail(number, known ? "belongs to no block" : "is no line of the template language");
      }
    }
    if (opening > 0) fail(opening, "has no //# end");
    return { parts, closing: "" };
  };
  return partsOf(0, false).parts;
}

/**
 * Expands a template.
 *
 * @throws {Error} where a block has no end, an end or else no block, or a name no value.
 */
export function expandTemplate(source: string, values: TemplateValues): string {
  const output: string[] = [];
  const expand = (parts: readonly Part[], values: TemplateValues): void => {
    for (const part of parts) {
      if (typeof part === "string") {
        output.push(part.replace(/\$(?:(\w+)|\[([^\]]*)\])/g, (_, name, expression) => {
          const value = values[name];
          return typeof value === "string" ? value : `${evaluate(name ?? expression, values)}`;
        }));
      } else if (part.kind === "if") {
        expand(evaluate(part.condition, values) ? part.parts : part.otherwise, values);
      } else {
        const count = evaluate(part.limit, values);
        for (let i = 0; i < count; i++) expand(part.parts, { ...values, [part.name]: i });
      }
    }
  };
  expand(parse(source), values);
  return output.join("\n");
}
