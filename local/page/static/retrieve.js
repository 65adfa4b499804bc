import { call } from "./api.js";

// retrieve asks for the passages that answer a question, and shows them.
//
// It is one way to answer. Another takes the same, and calls what it has to show
// in this order: passages(list, incomplete) once, text(piece) as often as it likes,
// citations(list) once.
export async function retrieve({ question, topK, rank, headers, signal }, show) {
  const found = await call("POST", "/retrieve", {
    body: { query: question, top_k: topK, rank },
    headers,
    signal,
  });
  show.passages(found.passages, found.incomplete);
}
