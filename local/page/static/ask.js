// The question box: the answer, what was found, why, and how long it took.
import { answer } from "./answer.js";
import { answered } from "./answered.js";
import { newTraceID, Problem } from "./api.js";
import { byID, element, milliseconds, several } from "./element.js";
import { passage } from "./passage.js";
import { retrieve } from "./retrieve.js";
import { waterfall } from "./waterfall.js";

const form = byID("ask");
const said = byID("said");
const results = byID("results");
let asking = null; // what ends the question before

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
byID("examples").addEventListener("click", (event) => {
  const example = event.target.closest("button");
  if (!example) return;
  form.elements.query.value = example.textContent;
  ask();
});

// askFor asks a question under a ranking, as if a person had typed it.
export function askFor(question, rank) {
  form.elements.query.value = question;
  form.elements.rank.value = rank;
  form.elements.query.focus();
  ask();
}

async function ask() {
  asking?.abort();
  const mine = (asking = new AbortController());
  const fields = form.elements;
  const question = fields.query.value.trim();
  if (!question) return;
  const trace = newTraceID();
  const headers = { "X-Amzn-Trace-Id": `Root=${trace};Sampled=1` };
  if (fields.wait.value.trim()) headers.Prefer = "wait=" + fields.wait.value.trim();
  const begun = performance.now();
  const written = fields.write.checked ? answered() : null;
  const show = {
    passages(list, incomplete) {
      const parts = list.map((p, i) => passage(p, i + 1));
      if (incomplete) parts.push(element("p", { class: "muted" }, "There may be more passages than these."));
      results.replaceChildren(...(written ? [written.card] : []), ...parts);
      found = list.length ? several(list.length, "passage") : "Nothing was found";
      said.textContent = written ? "Writing…" : found;
    },
    text: (piece) => written.text(piece),
    citations: (list) => written.citations(list),
  };
  let found = "";

  results.setAttribute("aria-busy", "true");
  results.replaceChildren();
  said.textContent = "Searching…";
  const stop = watch(trace);
  try {
    const way = written ? answer : retrieve;
    await way({ question, topK: Number(fields.top_k.value), rank: fields.rank.value, headers, signal: mine.signal }, show);
    stop();
    said.textContent = found;
    said.append(` in ${milliseconds(performance.now() - begun)}`);
  } catch (error) {
    stop();
    if (mine.signal.aborted) return;
    if (!(error instanceof Problem)) throw error;
    said.textContent = "";
    written?.broken();
    results.prepend(element("div", { class: "problem", role: "alert" }, element("h3", {}, error.title), element("p", {}, error.message)));
  } finally {
    if (!mine.signal.aborted) results.setAttribute("aria-busy", "false");
  }
  const drawn = waterfall(trace);
  if (written?.card.isConnected) written.card.after(drawn);
  else results.prepend(drawn);
}

// watch says where a question waits that is not answered at once, and returns
// what ends that.
function watch(trace) {
  const link = element("a", { href: "/_ragtime/operations/" + trace }, "watch it");
  const timer = setInterval(async () => {
    try {
      const response = await fetch("/_ragtime/status/" + trace);
      const { state, headline } = await response.json();
      if (ended || state !== "in progress" || said.dataset.headline === headline) return;
      said.dataset.headline = headline;
      said.replaceChildren(headline + " · ", link);
    } catch {
      // The question's own request says what is wrong.
    }
  }, 500);
  let ended = false;
  return () => {
    ended = true;
    clearInterval(timer);
    delete said.dataset.headline;
  };
}
