// The server's doors, as this page uses them.

/** What the server, or the way to it, refused. */
export class Trouble extends Error {
  constructor(title, detail, { status = 0, retryAfterS = 0 } = {}) {
    super(detail);
    this.title = title;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }
}

/** Ask, and yield the turn's events as they come: {type: "started" | "token" | "citation" | "card" | "finished"}. */
export async function* ask({ message, conversationId, key, consent, signal }) {
  const response = await reach("/chat", {
    method: "POST",
    headers: { ...identity(key), ...(consent && { "X-Consent-ID": consent }), "Content-Type": "application/json", Accept: "text/event-stream" },
    body: JSON.stringify({ message, conversation_id: conversationId }),
    signal,
  });
  let finished = false;
  for await (const event of events(response.body)) {
    if (event.type === "error") throw new Trouble(event.problem.title, event.problem.detail, event.problem);
    finished = event.type === "finished";
    yield event;
  }
  if (!finished) throw new Trouble("The answer broke off", "The connection ended before the answer was complete.");
}

/** Return the indexed passages around a citation. */
export async function passagesOf(citation, key) {
  const query = new URLSearchParams({ source: citation.source, start: citation.start, end: citation.end });
  const response = await reach(`/passages?${query}`, { headers: identity(key) });
  return response.json();
}

/** Return whether the server takes questions now. */
export async function reachable() {
  try {
    return (await fetch("/readyz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

function identity(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function reach(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The assistant cannot be reached", "Your question is kept. Check the connection and ask again.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Trouble(problem.title ?? "Something went wrong", problem.detail ?? `The server answered ${response.status}.`, {
    status: response.status,
    retryAfterS: Number(response.headers.get("Retry-After") ?? 0),
  });
}

async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  while (true) {
    const { value, done } = await read(reader);
    if (done) return;
    waiting += value;
    const frames = waiting.split("\n\n");
    waiting = frames.pop();
    for (const frame of frames) {
      const data = frame.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice(6));
    }
  }
}

async function read(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("The answer broke off", "The connection was lost. What arrived so far is shown above.");
  }
}
