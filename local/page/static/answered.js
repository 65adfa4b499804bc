// The text of an answer, while it is written.
import { element } from "./element.js";

// answered makes the element of an answer, and what adds to it.
export function answered() {
  const text = element("div", { class: "answer-text" });
  const sources = element("p", { class: "sources muted" });
  const card = element("section", { class: "answer", "aria-label": "Answer", "aria-live": "polite", "aria-busy": "true" }, text, sources);
  let written = "";
  return {
    card,
    text(piece) {
      written += piece;
      text.replaceChildren(...linked(written));
    },
    citations(list) {
      card.setAttribute("aria-busy", "false");
      sources.replaceChildren(
        ...(list.length ? ["From "] : ["It cites no passage."]),
        ...list.flatMap((c, i) => [i ? ", " : "", link(c.marker, `${c.document_id}`)]),
      );
    },
    broken() {
      card.setAttribute("aria-busy", "false");
      card.classList.add("broken");
    },
  };
}

// linked is a text whose markers, such as [2], lead to their passages.
function linked(text) {
  return text.split(/(\[\d+\])/).map((part) => {
    const marker = /^\[(\d+)\]$/.exec(part);
    return marker ? link(marker[1], "") : part;
  });
}

function link(marker, name) {
  return element("a", { href: `#passage-${marker}`, class: "marker", "aria-label": `passage ${marker}` }, name ? `[${marker}] ${name}` : `[${marker}]`);
}
