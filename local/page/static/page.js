// Keeps the parts of the page that are marked data-live as the server has them,
// until a page comes that has nothing more to wait for. What a person typed,
// opened or focused stays.
"use strict";

const every = 1000; // milliseconds
const shown = new Map();
for (const part of document.querySelectorAll("[data-live]")) shown.set(part.id, part.innerHTML);

function replace(part, now) {
  const focus = document.activeElement;
  const focused = part.contains(focus) ? focus.id || focus.parentElement.id : ""; // a summary has its details' id
  const open = [...part.querySelectorAll("details[open]")].map((d) => d.id);
  part.innerHTML = now;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const again = document.getElementById(focused);
  (again?.querySelector(":scope > summary") ?? again)?.focus({ preventScroll: true });
}

async function update() {
  let more = true;
  if (!document.hidden) {
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      const news = new DOMParser().parseFromString(await answer.text(), "text/html");
      // A page with other parts than this one, such as of an operation that has begun.
      const parts = [...news.querySelectorAll("[data-live]")];
      if (answer.ok && parts.some((p) => !document.getElementById(p.id))) return location.reload();
      for (const part of answer.ok ? parts : []) {
        if (shown.get(part.id) === part.innerHTML) continue;
        shown.set(part.id, part.innerHTML);
        replace(document.getElementById(part.id), part.innerHTML);
      }
      if (answer.ok) document.title = news.title;
      more = !answer.ok || news.body.hasAttribute("data-poll");
    } catch {
      // The system may be starting anew.
    }
  }
  if (more) setTimeout(update, every);
}
setTimeout(update, every);
