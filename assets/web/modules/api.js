// REST (docs/api/avatar-endpoints.md): requests whose failures are told in the server's own words.

/** What the server refused, in its words. */
export class Refused extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

let askForToken = null;

/** Who is to be asked when the server wants its token: an asynchronous function that ends when it was entered. */
export function onTokenWanted(ask) {
  askForToken = ask;
}

/**
 * Sends a request and gives {data, etag}: data is JSON, or null for an empty answer. `json`, `form` or
 * `body` (of the given type) is sent, `match` is the ETag that the change is made against.
 */
export async function call(method, path, { json, form, body, type = "application/json", match } = {}) {
  const headers = {};
  if (json !== undefined || body) headers["content-type"] = type;
  if (match) headers["if-match"] = match;
  const content = form ?? body ?? (json === undefined ? undefined : JSON.stringify(json));
  const answer = await send(path, { method, headers, body: content, cache: "no-store" });
  const text = await answer.text();
  const data = isJson(answer) && text ? JSON.parse(text) : null;
  if (!answer.ok) throw refusal(answer, data);
  return { data, etag: answer.headers.get("etag") };
}

/** Asks for sound with a JSON order and gives {bytes, notice}: an ArrayBuffer, and what is not as it was asked for or null. */
export async function sound(path, order) {
  const headers = { "content-type": "application/json" };
  const answer = await send(path, { method: "POST", headers, body: JSON.stringify(order), cache: "no-store" });
  if (!answer.ok) throw refusal(answer, isJson(answer) ? await answer.json() : null);
  const bytes = await answer.arrayBuffer().catch(() => {
    throw new Refused(0, "The sound was cut off.");
  });
  return { bytes, notice: answer.headers.get("visage-notice") };
}

/** Sends a request, again if the server wanted its token and got it. */
async function send(path, request) {
  const once = () => fetch(path, request).catch(() => {
    throw new Refused(0, "The server cannot be reached.");
  });
  const answer = await once();
  if (answer.status !== 401 || !askForToken) return answer;
  await askForToken();
  return once();
}

const isJson = (answer) => /json/.test(answer.headers.get("content-type") ?? "");

function refusal(answer, data) {
  return new Refused(answer.status, data?.detail ?? data?.title ?? `The server answered ${answer.status}.`);
}

/** Exchanges the token for the session that images and the WebSocket need, too; throws {@link Refused} if it is wrong. */
export async function enterToken(token) {
  const answer = await fetch("/api/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  }).catch(() => {
    throw new Refused(0, "The server cannot be reached.");
  });
  if (answer.ok) return;
  const { detail } = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, detail ?? `The server answered ${answer.status}.`);
}

/** Whether the server lets this page in as it is; also true if it cannot be asked. */
export async function isAuthorised() {
  const answer = await fetch("/api/session", { cache: "no-store" }).catch(() => null);
  return !answer?.ok || (await answer.json()).authorised;
}
