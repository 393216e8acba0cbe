/**
 * Makes the README's picture of a run from what the run printed:
 *
 *     deno run -A mod.ts | grep -vE "inherited|^Tokens|^Total|^Scaling" > run.log
 *     deno run -A assets/picture.ts run.log > assets/run.svg
 *
 * The lines are the run's own; of the training steps every 40th is kept, and long lines are cut.
 */
const COLUMNS = 118;
const FONT_SIZE = 13, LINE = 18, CHARACTER = 7.83, MARGIN = 16;

const [path] = Deno.args;
const lines = (await Deno.readTextFile(path)).trimEnd().split("\n").filter((line) => {
  const step = /^step (\d+)/.exec(line)?.[1];
  return step === undefined || Number(step) % 40 === 0;
});

const escape = (text: string) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const cut = (text: string) => text.length > COLUMNS ? text.slice(0, COLUMNS - 1) + "…" : text;
const color = (line: string) =>
  line.startsWith("$")
    ? "#7ee787"
    : line.startsWith("step ")
    ? "#8b949e"
    : line.startsWith("Step ") || /\d\.\d{4} +-?\d\.\d{4}$/.test(line)
    ? "#79c0ff"
    : "#e6edf3";

const width = Math.ceil(COLUMNS * CHARACTER) + 2 * MARGIN;
const shown = ["$ deno run -A jsr:@nanochat/sft", ...lines];
const height = shown.length * LINE + 2 * MARGIN;
const texts = shown.map((line, i) =>
  `<text x="${MARGIN}" y="${MARGIN + (i + 1) * LINE - 5}" fill="${color(line)}" ` +
  `xml:space="preserve">${escape(cut(line))}</text>`
);
console.log(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, monospace" ` +
    `font-size="${FONT_SIZE}"><rect width="100%" height="100%" rx="8" fill="#0d1117"/>`,
);
console.log(texts.join("\n"));
console.log("</svg>");
