// Marks in a text the words for which a passage was found.

// mark marks what below an element matches the words, which the API gave: folded,
// each the query's own. As in the search, words of four letters or more that begin alike match.
export function mark(root, words = []) {
  if (words.length === 0) return;
  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push(walker.currentNode);
  for (const text of texts) {
    const pieces = split(text.data, words);
    if (pieces.some((p) => p.match)) text.replaceWith(...pieces.map(show));
  }
}

function show({ text, match }) {
  if (!match) return document.createTextNode(text);
  const e = document.createElement("mark");
  e.textContent = text;
  return e;
}

// split cuts a text where matches begin and end.
export function split(text, words) {
  const out = [];
  const add = (piece, match) => {
    const last = out.at(-1);
    if (!piece) return;
    if (last && last.match === match) last.text += piece;
    else out.push({ text: piece, match });
  };
  let at = 0;
  for (const run of text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)) {
    add(text.slice(at, run.index), false);
    at = run.index + run[0].length;
    if (dense.test(run[0])) phrase(run[0], words, add);
    else add(run[0], words.some((w) => alike(fold(run[0]), w)));
  }
  add(text.slice(at), false);
  return out;
}

// dense are scripts that put no space between words: pairs of characters are
// compared there, and in Korean, whose words are inflected by what follows them.
const dense = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

function phrase(run, words, add) {
  const characters = run.match(/.\p{M}*/gsu);
  const hit = characters.map(() => false);
  characters.forEach((c, i) => {
    if (words.includes(fold(c + (characters[i + 1] ?? "")))) hit[i] = hit[i + 1] = true;
  });
  characters.forEach((c, i) => add(c, Boolean(hit[i])));
}

const beginning = 4; // characters: package rag's

function alike(a, b) {
  if (a === b) return true;
  const [long, other] = [[...a], [...b]];
  return long.length >= beginning && other.length >= beginning && long.slice(0, beginning).join("") === other.slice(0, beginning).join("");
}

// fold is package words' form for comparing, for the scripts where that is simple:
// lower case, no accents, compatibility forms.
function fold(word) {
  return word
    .normalize("NFKD")
    .replace(/[\u0300-\u036f\u0591-\u05c7\u064b-\u0655]/g, "")
    .toLowerCase()
    .replaceAll("ß", "ss")
    .normalize("NFC");
}
