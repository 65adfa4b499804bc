import { Problem, send } from "./api.js";

// answer has a question answered, and shows the passages, then the text as it is
// written, then what it cites: the way of retrieve.js, with a model.
export async function answer({ question, topK, rank, headers, signal }, show) {
  const response = await send("POST", "/answer", {
    body: { question, top_k: topK, rank },
    headers: { Accept: "text/event-stream", ...headers },
    signal,
  });
  for await (const { event, data } of events(response.body, signal)) {
    switch (event) {
      case "passages":
        show.passages(data.passages, data.incomplete);
        break;
      case "text":
        show.text(data.text);
        break;
      case "citations":
        show.citations(data.citations);
        break;
      case "done":
        return;
      case "error":
        throw new Problem(200, data.degraded ? degraded(data.degraded) : data);
    }
  }
  throw new Problem(0, { detail: "The answer broke off before its end." });
}

// degraded is why there is no answer, as a problem.
function degraded({ step, phase, reason }) {
  const where = phase ? `step ${step}, phase ${phase}` : `step ${step}`;
  return { title: `No answer, only its passages (${where})`, detail: reason };
}

// events reads server-sent events as the API sends them: a name and a line of JSON each.
async function* events(body, signal) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await next(reader, signal);
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const found = /^event: (.*)\ndata: (.*)$/.exec(block);
      if (found) yield { event: found[1], data: JSON.parse(found[2]) };
    }
  }
}

async function next(reader, signal) {
  try {
    return await reader.read();
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem(0, { detail: "The answer broke off: the connection ended." });
  }
}
