// Shows the Markdown that people read a passage for: headings, lists, tables, code,
// bold. All else stays the text that it is.
import { element } from "./element.js";

// markdown gives the elements of a text.
export function markdown(text) {
  const out = [];
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; ) {
    const kind = kinds.find((k) => k.begins.test(lines[i]));
    let end = i + 1;
    while (end < lines.length && kind.goesOn(lines[end])) end++;
    const made = kind.make(lines.slice(i, end));
    if (made) out.push(made);
    i = end;
  }
  return out;
}

const item = /^\s*([-*+]|\d+[.)])\s+/;
const row = /^\s*\|.*\|\s*$/;
const heading = /^#{1,6}\s+/;
const fence = /^\s*(```|~~~)/;

let fenced = false;
const kinds = [
  { begins: /^\s*$/, goesOn: (l) => l.trim() === "", make: () => null },
  { begins: heading, goesOn: () => false, make: ([l]) => element("p", { class: "heading" }, ...inline(l.replace(heading, "").replace(/\s+#+$/, ""))) },
  {
    begins: fence,
    goesOn(l) {
      if (fenced) return (fenced = false);
      fenced = fence.test(l);
      return true;
    },
    make(lines) {
      fenced = false;
      return element("pre", {}, lines.slice(1).filter((l) => !fence.test(l)).join("\n"));
    },
  },
  { begins: row, goesOn: (l) => row.test(l), make: table },
  { begins: item, goesOn: (l) => item.test(l) || /^\s+\S/.test(l), make: list },
  { begins: /^/, goesOn: (l) => l.trim() !== "" && ![heading, fence, row, item].some((k) => k.test(l)), make: (lines) => element("p", {}, ...inline(lines.join(" "))) },
];

function list(lines) {
  const items = [];
  for (const l of lines) {
    if (item.test(l)) items.push(l.replace(item, ""));
    else items[items.length - 1] += " " + l.trim();
  }
  const start = lines[0].match(/^\s*(\d+)/)?.[1];
  return element(start ? "ol" : "ul", { start }, ...items.map((i) => element("li", {}, ...inline(i))));
}

function table(lines) {
  const cells = lines.map((l) => l.trim().slice(1, -1).split("|").map((c) => c.trim()));
  const rule = (r) => r.every((c) => /^:?-+:?$/.test(c));
  const headed = cells.length > 1 && rule(cells[1]);
  const rows = cells.filter((r) => !rule(r));
  return element(
    "div",
    { class: "scroll" },
    element("table", {}, ...rows.map((r, i) => element("tr", {}, ...r.map((c) => element(headed && i === 0 ? "th" : "td", {}, ...inline(c)))))),
  );
}

// inline gives a line's text, bold and code.
function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).filter(Boolean).map((piece) => {
    if (/^\*\*[^*]+\*\*$/.test(piece)) return element("strong", {}, piece.slice(2, -2));
    if (/^`[^`]+`$/.test(piece)) return element("code", {}, piece.slice(1, -1));
    return piece;
  });
}
