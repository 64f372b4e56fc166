// What is shown stands in the URL: range or days, time zone, filters, and what a list is of.

export const RANGES = [["24h", "24 h"], ["7d", "7 d"], ["14d", "14 d"], ["30d", "30 d"], ["90d", "90 d"]];
const WINDOW = ["range", "from", "to", "timezone", "service", "environment", "device", "source", "language", "country"];
const LIST = ["about", "tool", "errors", "sentiment", "weekday", "hour", "search", "order"];
const KNOWN = { "/": WINDOW, "/conversations": [...WINDOW, ...LIST, "page"], "/conversation": [...WINDOW, ...LIST, "page", "id", "since"] };

export const settings = { about: null, revision: 0 };

export const browserZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
export const params = () => new URLSearchParams(location.search);
export const zone = () => params().get("timezone") || browserZone();
export const filters = () => Object.keys(settings.about?.filters ?? {});

/** The query of an API call: the page's own, with the time zone said. */
export function query(extra = {}) {
  const asked = params();
  if (!asked.get("timezone")) asked.set("timezone", browserZone());
  for (const [name, value] of Object.entries(extra)) asked.set(name, value);
  return asked;
}

// Every address is made by the four functions below, from the URL as it is when they are called. An element that is
// given such a function as its href, not what it gave, follows the URL: dom.js calls it again whenever that changes.

/** A link within the page that keeps window and filters; a list as value sets several, null removes. */
export const link = (path, changes = {}) => kept(path, WINDOW, changes);

/** The same that also keeps what a list is of, for the way to one conversation, to the next, and back. */
export const linkInList = (path, changes = {}) => kept(path, [...WINDOW, ...LIST], changes);

/** What saves a metric, a list or a transcript as a file. */
export const download = (what, kind, extra = {}) => `/api/export/${what}.${kind}?${query(extra)}`;

function kept(path, names, changes) {
  const next = new URLSearchParams();
  for (const [name, value] of params()) if (names.includes(name)) next.append(name, value);
  return `${path}${search(next, changes)}`;
}

/** Parameters of the URL that mean nothing on this page: mistyped ones, mostly. */
export const unknownParameters = () => [...new Set(params().keys())].filter((name) => !(KNOWN[location.pathname] ?? []).includes(name));

/** The same page with some of its parameters changed. */
export const changed = (changes) => `${location.pathname}${search(params(), { page: null, ...changes })}`;

function search(next, changes) {
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const item of Array.isArray(value) ? value : [value]) if (item !== null && item !== "") next.append(name, item);
  }
  const text = next.toString();
  return text && `?${text}`;
}

let navigate = () => {};
export const onNavigate = (handler) => { navigate = handler; };

export function go(href, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", href);
  navigate();
}

/** Sends JSON and reads the answer, or throws what it says. */
export async function post(path, content) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });
  const body = await answer.json().catch(() => ({ error: `${answer.status} ${answer.statusText}` }));
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

/** Reads an answer, or throws what it says. */
export async function get(path, asked, signal) {
  const answer = await fetch(`${path}?${asked}`, { signal });
  const body = await answer.json().catch(() => ({ error: `${answer.status} ${answer.statusText}` }));
  if (!answer.ok) throw Object.assign(new Error(body.error ?? answer.statusText), { status: answer.status });
  return body;
}

/** What ahead.js asked for, if it was this; only once. */
function taken(url, signal) {
  const ahead = window.ahead;
  window.ahead = null;
  if (ahead?.url !== url) return ahead?.stop.abort();
  signal.addEventListener("abort", () => ahead.stop.abort());
  return ahead.answer;
}

/** Reads an answer line by line, as the lines come. */
export async function* lines(path, asked, signal) {
  const answer = await (taken(`${path}?${asked}`, signal) ?? fetch(`${path}?${asked}`, { signal }));
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? answer.statusText);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}
