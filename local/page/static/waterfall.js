// A trace's waterfall, one click away from what it is about.
import { element } from "./element.js";

const every = 1000; // milliseconds, until nothing changes any more

// waterfall is a closed part that shows a trace when it is opened.
export function waterfall(trace) {
  const at = "/_ragtime/operations/" + trace;
  const drawing = element("div", { class: "scroll" }, element("p", { class: "muted" }, "…"));
  const whole = element("a", { href: at }, "The whole operation, with its log");
  const part = element("details", { class: "waterfall" }, element("summary", {}, "Where the time went"), drawing, element("p", {}, whole));
  part.addEventListener("toggle", load);
  return part;

  async function load() {
    if (!part.open || !part.isConnected) return;
    let settled = false;
    try {
      const { state } = await (await fetch("/_ragtime/status/" + trace)).json();
      if (state) settled = await draw();
      else drawing.replaceChildren(element("p", { class: "muted" }, "No operation has begun."));
    } catch {
      drawing.replaceChildren(element("p", {}, "The trace cannot be read: does the system still run?"));
    }
    if (!settled) setTimeout(load, every);
  }

  // draw shows the trace as it is now, and tells whether it stays so.
  async function draw() {
    const response = await fetch(at, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const shown = page.getElementById("trace");
    const legend = page.querySelector(".legend");
    // The server made them, and escaped what is in them.
    if (shown) drawing.replaceChildren(...document.importNode(shown, true).childNodes, document.importNode(legend, true));
    return response.ok && !page.body.hasAttribute("data-poll");
  }
}
