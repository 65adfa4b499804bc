// A passage, with its document, its score, and why it was found.
import { element } from "./element.js";
import { mark } from "./mark.js";
import { markdown } from "./markdown.js";
import { openDocument } from "./library.js";

// passage shows the n-th passage of an answer, from 1.
export function passage(p, n) {
  const title = p.title || p.document_id;
  const text = element("div", { class: "text", id: `passage-${n}-text` }, ...markdown(tableHeader(p) + p.text));
  mark(text, p.words);
  return element(
    "article",
    { class: "passage", id: `passage-${n}`, tabindex: "-1", "aria-labelledby": `passage-${n}-title` },
    element(
      "header",
      {},
      element("span", { class: "rank", "aria-hidden": "true" }, String(n)),
      element(
        "div",
        { class: "from" },
        element("h3", { id: `passage-${n}-title` }, element("button", { type: "button", class: "link", click: () => openDocument(p.document_id, p.chunk) }, title)),
        element("p", { class: "muted" }, [p.document_id, chunks(p), ...headings(p)].join(" · ")),
      ),
      score(p.score),
    ),
    why(p),
    text,
    folding(text),
  );
}

// headings are those that the passage is under, as one path.
function headings(p) {
  const path = above(p).filter((line) => !line.startsWith("|"));
  return path.length > 0 ? [path.map((line) => line.replace(/^#+ /, "")).join(" › ")] : [];
}

// tableHeader is that of the table which the passage begins within: with it the
// rows are a table again.
function tableHeader(p) {
  return above(p).filter((line) => line.startsWith("|")).map((line) => line + "\n").join("");
}

function above(p) {
  return p.context ? p.context.split("\n") : [];
}

// chunks tells which ones of its document a passage is: from 0, as the API counts.
function chunks(p) {
  return p.chunks > 1 ? `chunks ${p.chunk} to ${p.chunk + p.chunks - 1}` : `chunk ${p.chunk}`;
}

// score is how similar the passage's meaning is to the question's: a cosine, -1 to 1.
function score(value) {
  const spent = element("span", { class: "fill" });
  spent.style.width = `${100 * Math.max(0, Math.min(1, value))}%`;
  return element(
    "p",
    { class: "score", title: "Similarity of meaning: the cosine, -1 to 1" },
    element("span", { class: "hidden" }, "score "),
    element("b", {}, value.toFixed(3)),
    element("span", { class: "bar", "aria-hidden": "true" }, spent),
  );
}

function why(p) {
  const words = p.words ?? [];
  const out = element("p", { class: "why" }, `${ordinal(p.similarity_rank)} by meaning`);
  if (!p.word_rank || words.length === 0) {
    out.append(" · no word in common");
    return out;
  }
  out.append(` · ${ordinal(p.word_rank)} by words: `);
  words.forEach((w, i) => out.append(i ? " " : "", element("mark", {}, w)));
  return out;
}

// ordinal writes a rank: 1st, 2nd, 11th.
export function ordinal(n) {
  const suffix = n % 100 >= 11 && n % 100 <= 13 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[n % 10] ?? "th";
  return `${n}${suffix}`;
}

// folding is the button that shows a long text whole; it is there only where
// something is hidden.
function folding(text) {
  const button = element("button", { type: "button", class: "link fold", hidden: true, "aria-expanded": "false", "aria-controls": text.id, click: toggle }, "Show all of it");
  function toggle() {
    const open = text.classList.toggle("whole");
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Show less" : "Show all of it";
  }
  new ResizeObserver(() => {
    if (!text.classList.contains("whole")) button.hidden = text.scrollHeight <= text.clientHeight + 1;
  }).observe(text);
  return button;
}
