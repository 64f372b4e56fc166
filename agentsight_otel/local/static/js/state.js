// What is shown stands in the URL: range or days, time zone, filters, and what a list is of.

export const RANGES = [["24h", "24 h"], ["7d", "7 d"], ["14d", "14 d"], ["30d", "30 d"], ["90d", "90 d"]];
const WINDOW = ["range", "from", "to", "timezone", "service", "environment", "device", "source", "language", "country"];

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

/** A link within the page that keeps window and filters; a list as value sets several, null removes. */
export function link(path, changes = {}) {
  const next = new URLSearchParams();
  for (const [name, value] of params()) if (WINDOW.includes(name)) next.append(name, value);
  return `${path}${search(next, changes)}`;
}

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
