/** Answers as HTML: Markdown of the model's, in which no HTML is its own. */
import DOMPurify from "dompurify";
import { Marked } from "marked";
import type { Part } from "./conversation.ts";

/** Characters that no text has, around the number of a tool's use: what is private to the page. */
const OPEN = "\uE000", CLOSE = "\uE001";
const MARKERS = /[\uE000\uE001]/g, PLACES = /\uE000(\d+)\uE001/g;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // What looks like HTML is text, as the model wrote it.
    html: ({ text, block }) => block ? `<p>${escape(text)}</p>` : escape(text),
    // Nothing is fetched because a model says so.
    image: ({ text }) => `<span class="image">${escape(text || "image")}</span>`,
    checkbox: ({ checked }) => checked ? "☑ " : "☐ ",
    // The page's own headings lie above.
    heading({ tokens, depth }) {
      const tag = `h${Math.min(depth + 2, 6)}`;
      return `<${tag}>${this.parser.parseInline(tokens)}</${tag}>\n`;
    },
    code: ({ text, lang }) =>
      `<div class="code"><div class="code-head"><span>${escape(lang?.split(" ")[0] ?? "")}</span>` +
      `<button type="button" class="copy-code">Copy code</button></div>` +
      `<pre tabindex="0"><code>${escape(text)}</code></pre></div>\n`,
    table({ header, rows }) {
      const row = (cells: typeof header) =>
        `<tr>${cells.map((cell) => this.tablecell(cell)).join("")}</tr>`;
      return `<div class="table" tabindex="0"><table><thead>${row(header)}</thead>` +
        `<tbody>${rows.map(row).join("")}</tbody></table></div>\n`;
    },
  },
});

const purify = DOMPurify();
purify.addHook("afterSanitizeAttributes", (element) => {
  if (element.tagName !== "A") return;
  element.setAttribute("target", "_blank");
  element.setAttribute("rel", "noopener noreferrer");
});
// deno-fmt-ignore
const ALLOWED_TAGS = [
  "p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em",
  "strong", "del", "a", "table", "thead", "tbody", "tr", "th", "td", "div", "span", "button",
];
const ALLOWED_ATTR = ["href", "title", "class", "align", "start", "type", "tabindex"];
/** Attributes that hold no address, which DOMPurify would take them for. */
const ADD_URI_SAFE_ATTR = ["align", "start", "type", "tabindex"];

/**
 * The blocks of an answer (paragraphs, lists, …) as HTML that is still to be made safe; where a tool
 * was used, with its program and what it gave.
 */
export function blocksOf(parts: readonly Part[]): string[] {
  const uses: string[] = [];
  const markdown = parts.map(({ type, text }, i) => {
    if (type === "text") return text.replace(MARKERS, "");
    if (type === "python_output") return "";
    const next = parts[i + 1];
    uses.push(toolUse(text, next?.type === "python_output" ? next.text : "…"));
    return `${OPEN}${uses.length - 1}${CLOSE}`;
  }).join("");
  return marked.lexer(markdown).map((token) =>
    marked.parser([token]).replace(PLACES, (_, use) => uses[use])
  );
}

/** HTML that may be shown. */
export function safe(html: string): string {
  const safe = purify.sanitize(html, {
    ALLOWED_TAGS,
    ALLOWED_ATTR,
    ADD_URI_SAFE_ATTR,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    RETURN_TRUSTED_TYPE: true,
  });
  // The page's policy lets in nothing but what DOMPurify vouches for; to preact it is a text.
  return safe as unknown as string;
}

function toolUse(program: string, output: string): string {
  return `<span class="tool"><span class="hidden">Calculator: </span>` +
    `<code>${escape(program)}</code><span class="equals"> = </span>` +
    `<strong>${escape(output)}</strong></span>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
