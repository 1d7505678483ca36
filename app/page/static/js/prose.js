// What a model wrote, as elements: the part of Markdown that models use. Text stays text; nothing
// of it is ever parsed as markup, and a link leads to the web or nowhere.

import { make } from "./dom.js";

const FENCE = /^ {0,3}(```+|~~~+)\s*(\S*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}>\s?(.*)$/;
const DIVIDER = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/;
const DEEPEST = 6;

/** Shows `text` in `element`; blocks that did not change since the last call stay as they are. */
export function showProse(element, text) {
  const blocks = blocksOf(text.split("\n"));
  blocks.forEach((block, index) => {
    const source = block.lines.join("\n");
    const shown = element.children[index];
    if (shown?.source === source && shown.kind === block.kind) return;
    const made = elementOf(block, 0);
    made.source = source;
    made.kind = block.kind;
    if (shown) shown.replaceWith(made);
    else element.append(made);
  });
  while (element.children.length > blocks.length) element.lastElementChild.remove();
}

/** Lines to blocks of one kind each. */
function blocksOf(lines) {
  const blocks = [];
  for (let at = 0; at < lines.length; ) {
    const end = endOf(lines, at);
    if (lines[at].trim()) blocks.push({ kind: kindOf(lines, at), lines: lines.slice(at, end) });
    at = end;
  }
  return blocks;
}

function kindOf(lines, at) {
  const line = lines[at];
  if (FENCE.test(line)) return "code";
  if (HEADING.test(line)) return "heading";
  if (RULE.test(line)) return "rule";
  if (ITEM.test(line)) return "list";
  if (QUOTE.test(line)) return "quote";
  if (line.includes("|") && DIVIDER.test(lines[at + 1] ?? "")) return "table";
  return "text";
}

function endOf(lines, at) {
  const kind = lines[at].trim() ? kindOf(lines, at) : "nothing";
  let end = at + 1;
  switch (kind) {
    case "code": {
      const fence = FENCE.exec(lines[at])[1];
      while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
      return Math.min(end + 1, lines.length);
    }
    case "list":
      while (end < lines.length && goesOn(lines, end)) end += 1;
      return end;
    case "quote":
      while (end < lines.length && QUOTE.test(lines[end])) end += 1;
      return end;
    case "table":
      while (end < lines.length && lines[end].includes("|")) end += 1;
      return end;
    case "text":
      while (end < lines.length && lines[end].trim() && kindOf(lines, end) === "text") end += 1;
      return end;
    default:
      return end;
  }
}

/** Whether a line belongs to the list above it. */
function goesOn(lines, at) {
  const line = lines[at];
  if (ITEM.test(line) && !RULE.test(line)) return true;
  if (/^\s{2,}\S/.test(line)) return true;
  return !line.trim() && at + 1 < lines.length && (/^\s{2,}\S/.test(lines[at + 1]) || ITEM.test(lines[at + 1]));
}

function elementOf(block, depth) {
  const { kind, lines } = block;
  switch (kind) {
    case "code":
      return codeOf(lines);
    case "heading": {
      const [, hashes, text] = HEADING.exec(lines[0]);
      return make(hashes.length < 3 ? "h3" : "h4", {}, ...inline(text));
    }
    case "rule":
      return make("hr");
    case "list":
      return listOf(lines, depth);
    case "quote": {
      const inner = lines.map((line) => QUOTE.exec(line)[1]);
      return make("blockquote", {}, ...nested(inner, depth));
    }
    case "table":
      return tableOf(lines);
    default:
      return make("p", {}, ...inline(lines.join("\n")));
  }
}

function nested(lines, depth) {
  if (depth >= DEEPEST) return [lines.join("\n")];
  return blocksOf(lines).map((block) => elementOf(block, depth + 1));
}

function codeOf(lines) {
  const fence = FENCE.exec(lines[0])[1];
  const closed = lines.length > 1 && lines.at(-1).trim().startsWith(fence);
  const code = lines.slice(1, closed ? -1 : undefined).join("\n");
  return make("pre", { tabIndex: 0 }, make("code", {}, code));
}

function listOf(lines, depth) {
  const [, indent, first] = ITEM.exec(lines[0]);
  const ordered = /\d/.test(first);
  const list = make(ordered ? "ol" : "ul", ordered ? { start: parseInt(first, 10) } : {});
  let item = null;
  const close = () => {
    if (!item) return;
    const [head, ...rest] = item;
    const inner = rest.some((line) => line.trim()) ? nested(dedent(rest), depth) : [];
    list.append(make("li", {}, ...inline(head), ...inner));
  };
  for (const line of lines) {
    const found = ITEM.exec(line);
    if (found && found[1].length <= indent.length + 1) {
      close();
      item = [found[3]];
    } else item?.push(line);
  }
  close();
  return list;
}

function dedent(lines) {
  const least = Math.min(...lines.filter((line) => line.trim()).map((line) => /^\s*/.exec(line)[0].length));
  return lines.map((line) => line.slice(least));
}

function tableOf(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const row = (name, line) => make("tr", {}, ...cells(line).map((cell) => make(name, {}, ...inline(cell))));
  return make(
    "table",
    {},
    make("thead", {}, row("th", lines[0])),
    make("tbody", {}, ...lines.slice(2).map((line) => row("td", line))),
  );
}

const MARKS = [
  { open: "**", name: "strong" },
  { open: "__", name: "strong" },
  { open: "~~", name: "s" },
  { open: "*", name: "em" },
  { open: "_", name: "em" },
];

/** A line's text with its code, links and emphasis, left to right and without looking back. */
function inline(text, depth = 0) {
  const parts = [];
  let plain = "";
  const flush = () => {
    if (plain) parts.push(plain);
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const found = depth < DEEPEST ? spanAt(text, at, depth) : null;
    if (!found) {
      plain += text[at];
      at += 1;
    } else {
      flush();
      parts.push(found.element);
      at = found.end;
    }
  }
  flush();
  return parts;
}

function spanAt(text, at, depth) {
  const char = text[at];
  if (char === "`") return codeAt(text, at);
  if (char === "[") return linkAt(text, at, depth);
  if (char === "\\" && /[\\`*_[\]~#|]/.test(text[at + 1] ?? "")) return { element: text[at + 1], end: at + 2 };
  if (char === "*" || char === "_" || char === "~") return emphasisAt(text, at, depth);
  return null;
}

function codeAt(text, at) {
  const ticks = /^`+/.exec(text.slice(at, at + 8))[0];
  const end = text.indexOf(ticks, at + ticks.length);
  if (end < 0) return null;
  const code = text.slice(at + ticks.length, end).trim();
  return { element: make("code", {}, code), end: end + ticks.length };
}

function linkAt(text, at, depth) {
  const found = /^\[([^\][\n]{1,500})\]\((https?:\/\/[^\s()]{1,2000})\)/.exec(text.slice(at, at + 2600));
  if (!found) return null;
  const link = make("a", { href: found[2], target: "_blank", rel: "noopener noreferrer nofollow" }, ...inline(found[1], depth + 1));
  return { element: link, end: at + found[0].length };
}

function emphasisAt(text, at, depth) {
  for (const { open, name } of MARKS) {
    if (!text.startsWith(open, at)) continue;
    const from = at + open.length;
    // Between letters an underscore belongs to a name.
    if (open[0] === "_" && /\w/.test(text[at - 1] ?? "")) return null;
    if (/^\s?$/.test(text[from] ?? "")) return null;
    const end = text.indexOf(open, from + 1);
    // Beyond that it is no emphasis, and looking on would take for ever.
    if (end < 0 || end - from > 2_000 || /\s/.test(text[end - 1])) continue;
    return { element: make(name, {}, ...inline(text.slice(from, end), depth + 1)), end: end + open.length };
  }
  return null;
}
