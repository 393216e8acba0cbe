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

/** Expands a template. */
export function expandTemplate(source: string, values: TemplateValues): string {
  const lines = source.split("\n");
  const output: string[] = [];
  let next = 0;

  const skip = () => {
    for (let depth = 1; depth > 0; next++) {
      const word = /^\s*\/\/# (\w+)/.exec(lines[next])?.[1];
      if (word === "for" || word === "if") depth++;
      if (word === "end" || word === "else" && depth === 1) depth--;
    }
  };
  /** Expands up to the `end` or `else` of the open block and says which it was. */
  const expandBlock = (values: TemplateValues): string => {
    while (next < lines.length) {
      const line = lines[next++];
      const [, word, rest] = /^\s*\/\/# (\w+)(.*)/.exec(line) ?? [];
      if (word === "end" || word === "else") return word;
      if (word === "if") {
        if (evaluate(rest, values)) {
          if (expandBlock(values) === "else") skip();
        } else {
          skip();
          if (/# else/.test(lines[next - 1])) expandBlock(values);
        }
      } else if (word === "for") {
        const [, name, limit] = /(\w+) < (.*)/.exec(rest)!;
        const count = evaluate(limit, values);
        const start = next;
        for (let i = 0; i < count; i++) {
          next = start;
          expandBlock({ ...values, [name]: i });
        }
        if (count === 0) skip();
      } else {
        output.push(line.replace(/\$(?:(\w+)|\[([^\]]*)\])/g, (_, name, expression) => {
          const value = values[name];
          return typeof value === "string" ? value : `${evaluate(name ?? expression, values)}`;
        }));
      }
    }
    return "";
  };
  expandBlock(values);
  return output.join("\n");
}
