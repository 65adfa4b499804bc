// Files are put by dropping them anywhere, or by choosing them; a text by writing it.
import { call, documentPath, send } from "./api.js";
import { byID, element, several } from "./element.js";
import { refresh } from "./library.js";

const zone = byID("drop");
const pick = byID("pick");
const report = byID("put-files");
const said = byID("put-said");
const endings = pick.accept.split(",");
const most = 2 << 20; // bytes: the page's, over a document's own limit
const parallel = 4;

for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    zone.classList.toggle("over", !event.defaultPrevented); // what has prevented it takes the file
    event.preventDefault(); // else a browser leaves the page and shows the file
    event.dataTransfer.dropEffect = "copy";
  });
}
addEventListener("dragleave", (event) => event.relatedTarget || zone.classList.remove("over"));
addEventListener("drop", async (event) => {
  zone.classList.remove("over");
  if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  putAll(await dropped(event.dataTransfer));
});
pick.addEventListener("change", async () => {
  const files = [...pick.files].map((file) => ({ file, path: file.name }));
  await putAll(files);
  pick.value = ""; // so that the same file can be chosen again
});

// dropped gives the files that were dropped, those in folders too, with their paths
// relative to what was dropped. Hidden files are left out.
async function dropped(transfer) {
  const entries = [...transfer.items].map((i) => i.webkitGetAsEntry?.());
  if (!entries.some(Boolean)) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const out = [];
  const walk = async (entry) => {
    if (!entry || entry.name.startsWith(".")) return;
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      out.push({ file, path: entry.fullPath.slice(1) });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (some.length === 0) return;
      for (const e of some) await walk(e);
    }
  };
  for (const entry of entries) await walk(entry);
  return out;
}

// putAll puts files, a few at once, and says of each what became of it.
async function putAll(files) {
  report.replaceChildren();
  if (files.length === 0) return;
  const count = { put: 0, unchanged: 0, refused: 0 };
  const queue = [...files];
  const tell = () => {
    const parts = Object.entries(count).filter(([, n]) => n).map(([what, n]) => `${n} ${what}`);
    if (queue.length) parts.push(`${queue.length} to go`);
    said.textContent = parts.join(", ");
  };
  said.textContent = `Putting ${several(files.length, "file")}…`;
  const work = async () => {
    for (let next; (next = queue.shift()); ) {
      const { kind, text } = await put(next);
      count[kind]++;
      report.append(element("li", { class: kind }, element("b", {}, next.path), " ", text));
      tell();
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  await refresh();
}

async function put({ file, path }) {
  const refused = (text) => ({ kind: "refused", text });
  if (!endings.some((e) => path.toLowerCase().endsWith(e))) return refused(`was not put: only ${endings.join(", ")} files are taken`);
  if (file.size > most) return refused("was not put: it is larger than 1 MiB");
  try {
    const response = await send("POST", "/_ragtime/files?path=" + encodeURIComponent(path), { body: file });
    const done = await response.json();
    if (done.problem) return refused(`was not put: ${done.problem}`);
    if (done.unchanged) return { kind: "unchanged", text: "is there already, unchanged" };
    const from = done.replaced ? `; it replaces the document from ${done.replaced}` : "";
    return { kind: "put", text: `is ${done.document_id}, ${several(done.chunks, "chunk")}, ${done.embedded} embedded${from}` };
  } catch (error) {
    return refused(`was not put: ${error.message}`);
  }
}

byID("note").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { document: id, text } = event.target.elements;
  report.replaceChildren();
  said.textContent = "Putting it…";
  try {
    const done = await call("PUT", documentPath(id.value.trim()), { body: { text: text.value } });
    said.textContent = `${id.value.trim()} ${done.unchanged ? "is there already, unchanged" : `was put: ${several(done.chunks, "chunk")}`}.`;
    await refresh();
  } catch (error) {
    said.textContent = `It was not put: ${error.message}`;
  }
});
