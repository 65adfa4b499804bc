// The API, as any client sees it: it is below the same origin as the page.

// Problem is an answer that is no success, in the API's own words.
export class Problem extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.message || problem.title || `answered ${status}`);
    this.title = problem.title || (status ? `Answered ${status}` : "No answer");
    this.status = status;
  }
}

// call sends a request and gives the decoded answer, or throws a Problem.
export async function call(method, path, { body, headers = {}, signal } = {}) {
  const response = await send(method, path, { body, headers, signal });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

// send does so and gives the response, whose body is not read yet.
export async function send(method, path, { body, headers = {}, signal } = {}) {
  const json = body !== undefined && !(body instanceof Blob);
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      cache: "no-store",
      headers: json ? { "Content-Type": "application/json", ...headers } : headers,
      body: json ? JSON.stringify(body) : body,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The system does not answer. Does it still run?" });
  }
  if (response.ok) return response;
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // What is no JSON says nothing but its status.
  }
  throw new Problem(response.status, problem);
}

// newTraceID makes an id as X-Ray has them: version, time, 96 random bits. A request
// that is sent under it can be found before it is answered.
export function newTraceID() {
  const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  const seconds = Math.floor(Date.now() / 1000).toString(16).padStart(8, "0");
  return `1-${seconds}-${hex(crypto.getRandomValues(new Uint8Array(12)))}`;
}

// documentPath is where the API has a document.
export const documentPath = (id) => "/documents/" + encodeURIComponent(id);
