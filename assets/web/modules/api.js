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
  const send = () => fetch(path, { method, headers, body: content, cache: "no-store" }).catch(() => {
    throw new Refused(0, "The server cannot be reached.");
  });
  let answer = await send();
  if (answer.status === 401 && askForToken) {
    await askForToken();
    answer = await send();
  }
  const text = await answer.text();
  const data = /json/.test(answer.headers.get("content-type") ?? "") && text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Refused(answer.status, data?.detail ?? data?.title ?? `The server answered ${answer.status}.`);
  return { data, etag: answer.headers.get("etag") };
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
