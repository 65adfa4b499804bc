// The library: the documents that are there, their chunks, and their end.
import { call, documentPath } from "./api.js";
import { byID, element, several } from "./element.js";

const atOnce = 100; // documents and chunks that one request gives: the API's most
const few = 8; // documents that are shown before somebody wants to see all

const list = byID("documents");
const said = byID("library-said");
const more = byID("more");
let cursor = ""; // of the documents that follow those shown

more.addEventListener("click", () => guarded(() => next()));

// refresh shows the documents that are there now.
export const refresh = () =>
  guarded(() => {
    cursor = "";
    return next(true);
  });

// openDocument shows a document's chunks, and goes to one of them.
export async function openDocument(id, chunk) {
  await guarded(async () => {
    while (!find(id) && cursor) await next();
    if (!find(id)) await refresh();
    const part = find(id);
    if (!part) {
      said.textContent = `${id} is not in the library any more.`;
      return;
    }
    list.classList.add("all");
    more.hidden = !cursor;
    part.open = true;
    await chunksOf(part);
    const target = part.querySelector(`[data-chunk="${chunk}"]`) ?? part;
    for (const e of list.querySelectorAll(".target")) e.classList.remove("target");
    target.classList.add("target");
    target.scrollIntoView({ block: "center", behavior: "auto" });
    target.focus({ preventScroll: true });
  });
}

const find = (id) => list.querySelector(`details[data-id="${CSS.escape(id)}"]`);

// guarded says in the library what went wrong there.
async function guarded(work) {
  try {
    await work();
  } catch (error) {
    said.textContent = error.message;
  }
}

// next shows the documents that follow; anew, in the place of those shown.
async function next(anew = false) {
  const page = await call("GET", `/documents?limit=${atOnce}&cursor=${encodeURIComponent(cursor)}`);
  cursor = page.cursor ?? "";
  const items = page.documents.map((d) => unchanged(d) ?? item(d));
  if (anew) list.replaceChildren(...items);
  else list.append(...items);
  const n = list.children.length;
  byID("count").textContent = n === 0 ? "" : cursor ? `more than ${n}` : String(n);
  if (!anew) list.classList.add("all");
  const folded = !list.classList.contains("all") && n > few;
  more.hidden = !folded && !cursor;
  more.firstElementChild.textContent = folded ? `Show all ${n}${cursor ? " and more" : ""}` : "More documents";
  said.textContent = n === 0 ? "Nothing is here yet. Drop a file above." : "";
  examples();
}

// A question of the samples is offered where its document is.
function examples() {
  for (const button of byID("examples").children) button.hidden = !find(button.dataset.document);
  byID("examples").hidden = ![...byID("examples").children].some((b) => !b.hidden);
}

// unchanged is what shows a document already, opened or not.
function unchanged(d) {
  const shown = find(d.document_id);
  return shown?.dataset.version === d.version ? shown.parentElement : undefined;
}

function item(d) {
  const part = element(
    "details",
    { "data-id": d.document_id, "data-version": d.version },
    element(
      "summary",
      {},
      element("span", { class: "title" }, d.title || d.document_id),
      element("span", { class: "muted" }, `${d.document_id} · ${several(d.chunks, "chunk")}`),
    ),
    element(
      "div",
      { class: "inside" },
      element("p", { class: "muted" }, facts(d)),
      element("ol", { class: "chunks" }, element("li", { class: "muted" }, "…")),
      element("p", {}, element("button", { type: "button", class: "danger", click: () => remove(d) }, "Delete")),
    ),
  );
  part.addEventListener("toggle", () => part.open && guarded(() => chunksOf(part)));
  return element("li", {}, part);
}

function facts(d) {
  const when = new Date(d.updated_at);
  const out = [`put ${when.toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`];
  if (d.collection && d.collection !== "default") out.push(`collection ${d.collection}`);
  for (const [key, value] of Object.entries(d.metadata ?? {})) out.push(`${key} ${value}`);
  return out.join(" · ");
}

// chunksOf shows a document's chunks, once.
function chunksOf(part) {
  part.chunks ??= load(part.dataset.id, part.querySelector(".chunks")).catch((error) => {
    part.chunks = undefined; // the next opening asks again
    throw error;
  });
  return part.chunks;
}

async function load(id, into) {
  const shown = [];
  let at = "";
  do {
    const page = await call("GET", `${documentPath(id)}/chunks?limit=${atOnce}&cursor=${encodeURIComponent(at)}`);
    for (const c of page.chunks) {
      shown.push(
        element("li", { "data-chunk": String(c.chunk), tabindex: "-1" }, element("p", { class: "muted" }, `chunk ${c.chunk} · ${several(c.tokens, "token")}`), element("pre", {}, c.text)),
      );
    }
    at = page.cursor ?? "";
  } while (at);
  into.replaceChildren(...shown);
}

// remove deletes a document, if the person means it.
function remove(d) {
  const dialog = byID("delete");
  byID("delete-what").textContent = `“${d.title || d.document_id}” and its ${several(d.chunks, "chunk")} will be gone.`;
  dialog.returnValue = "";
  dialog.onclose = () =>
    dialog.returnValue === "delete" &&
    guarded(async () => {
      await call("DELETE", documentPath(d.document_id));
      await refresh();
      said.textContent = `${d.document_id} was deleted.`;
      byID("library-title").focus();
    });
  dialog.showModal();
}
