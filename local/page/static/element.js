// Elements are made with these alone: what a document, a problem or a name says
// becomes text, never markup.

// element makes an element. Attributes that are undefined or false are left out;
// children are elements and strings.
export function element(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") e.addEventListener(key, value);
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children);
  return e;
}

export const byID = (id) => document.getElementById(id);

// several says how many of something there are: "1 chunk", "3 chunks".
export const several = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

// milliseconds writes a time as the rest of the page does.
export const milliseconds = (n) => (n < 1000 ? `${Math.round(n)} ms` : `${(n / 1000).toFixed(2)} s`);
