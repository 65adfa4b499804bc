// How well retrieval finds: a run of questions on the server, watched to its end.
import { askFor } from "./ask.js";
import { call, Problem } from "./api.js";
import { byID, element, several } from "./element.js";
import { ordinal } from "./passage.js";

const path = "/_ragtime/measurement";
const most = 4 << 20; // bytes: the server's
const every = 500; // milliseconds

const section = byID("measure");
const run = byID("measure-run"); // while a run is under way, it cancels it
const label = run.textContent;
const pick = byID("measure-pick");
const said = byID("measure-said");
const progress = byID("measure-progress");
const results = byID("measure-results");

const names = { similarity: "meaning only", fused: "meaning and words" };

// metrics are the table's rows: what the command line calls them, what they mean, how
// they are written, and the result's field.
const share = (n) => n.toFixed(3);
const whole = (n) => String(Math.round(n));
const metrics = [
  ["questions", "", whole, "questions"],
  ["recall@1", "of a question's documents, how many come first", share, "recall_1"],
  ["recall@3", "how many are among three", share, "recall_3"],
  ["recall@5", "", share, "recall_5"],
  ["recall@10", "", share, "recall_10"],
  ["MRR", "1 / the place of the first right one, in the mean", share, "mrr"],
  ["nDCG", "", share, "ndcg"],
  ["p50 ms", "half of the answers took less", whole, "p50_ms"],
  ["p99 ms", "", whole, "p99_ms"],
  ["late", "", whole, "late"],
  ["failed", "", whole, "failed"],
  ["tokens", "paid for embeddings", whole, "embedding_tokens"],
];

run.addEventListener("click", () => (progress.hidden ? start() : show(() => call("DELETE", path))));
pick.addEventListener("change", () => {
  const [file] = pick.files;
  if (file) start(file);
  pick.value = ""; // so that the same file can be chosen again
});

// A file that is dropped here has questions; anywhere else it is a document.
for (const name of ["dragenter", "dragover"]) {
  section.addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    section.classList.add("over");
  });
}
section.addEventListener("dragleave", (event) => section.contains(event.relatedTarget) || section.classList.remove("over"));
section.addEventListener("drop", (event) => {
  section.classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (!file) return;
  event.preventDefault();
  start(file);
});

// start measures a file's questions, or the samples'.
async function start(file) {
  if (file && file.size > most) {
    said.textContent = `${file.name} is larger than 4 MiB; ragtime eval takes it.`;
    return;
  }
  const query = file ? "?file=" + encodeURIComponent(file.name) : "";
  await show(() => call("POST", path + query, { body: file }));
}

// show shows the state that a request gives, and asks again until the run has ended.
let watching = 0;
async function show(request) {
  const mine = ++watching;
  let state;
  try {
    state = await request();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    said.textContent = error.message;
    return;
  }
  if (mine !== watching) return;
  draw(state);
  if (state.state === "running") setTimeout(() => mine === watching && show(() => call("GET", path)), every);
}

function draw({ state, set, done, all, problem, results: list = [] }) {
  const running = state === "running";
  run.textContent = running ? "Cancel" : label;
  pick.parentElement.hidden = running;
  progress.hidden = !running;
  if (all) {
    progress.max = all;
    progress.value = done;
  }
  const text = {
    "": "",
    running: `Asking ${set}…`,
    done: `${set}: ${several(all, "request")}`,
    canceled: `${set} was canceled after ${several(done, "request")}.`,
    failed: `${set} failed: ${problem}`,
  }[state];
  if (said.textContent !== text) said.textContent = text;
  results.replaceChildren(...(list.length ? [table(list), ...list.toReversed().map(misses)] : []));
}

function table(list) {
  const head = element("tr", {}, element("td"), ...list.map((r) => element("th", { scope: "col" }, names[r.rank] ?? r.rank)));
  const rows = metrics.map(([name, meaning, write, field]) =>
    element(
      "tr",
      { "data-metric": field },
      element("th", { scope: "row" }, name, ...(meaning ? [" ", element("span", { class: "muted" }, meaning)] : [])),
      ...list.map((r) => element("td", {}, write(r[field]))),
    ),
  );
  return element("table", { class: "scores" }, element("caption", { class: "hidden" }, "How well retrieval finds"), element("thead", {}, head), element("tbody", {}, ...rows));
}

// misses are the questions whose first document was not the right one.
function misses(result, i) {
  const { rank, missed, misses: list } = result;
  const name = names[rank] ?? rank;
  if (missed === 0) return element("p", {}, `By ${name} the right document always came first.`);
  const more = missed > list.length ? [element("p", { class: "muted" }, `and ${missed - list.length} more`)] : [];
  const title = `By ${name}, the right document did not come first ${missed === 1 ? "once" : `${missed} times`}`;
  return element("details", { class: "misses", open: i === 0, "data-rank": rank }, element("summary", {}, title), element("ol", {}, ...list.map((m) => miss(m, rank))), ...more);
}

function miss({ question, wanted, found, place, problem }, rank) {
  const where = place ? `came ${ordinal(place)}` : "was not found";
  const first = found ? `first came ${found}` : "nothing was found";
  return element(
    "li",
    {},
    element("button", { type: "button", class: "link", click: () => askFor(question, rank) }, question),
    element("p", { class: "muted" }, problem ? `failed: ${problem}` : `${wanted.join(", ")} ${where}; ${first}`),
  );
}

show(() => call("GET", path)); // a run that was begun before
