// The list of conversations behind a figure.

import { announce, h, put } from "./dom.js";
import { WEEKDAYS, channel, count, country, hourSpan, language, plural, seconds, shortMoment, word } from "./format.js";
import { setFacets } from "./controls.js";
import { exports } from "./overview.js";
import { changed, get, go, linkInList, params, query, settings, zone } from "./state.js";

const ABOUT = { started: "that started in the window", messages: "with messages in the window", visits: "first seen in the window", escalated: "handed to a human", identified: "with a known customer", timed: "with a duration" };
const ORDERS = { newest: "Newest first", oldest: "Oldest first", longest: "Longest first", messages: "Most messages first" };
const NARROWING = ["about", "tool", "errors", "sentiment", "weekday", "hour"];

export function showList(main) {
  put(main, h("div", { class: "page-head" }, h("h1", null, "Conversations"), h("p", { class: "quiet", id: "total" }), h("span", { class: "fill" }), exports("conversations")),
    h("div", { class: "list-tools" }, search(), order(), narrowing()),
    h("div", { id: "list", class: "card list" }, Array.from({ length: 6 }, () => h("div", { class: "skeleton line" }))),
    h("nav", { id: "pages", class: "pages", "aria-label": "Pages of the list" }));
}

function search() {
  const box = h("input", { type: "search", id: "search", name: "search", placeholder: "Search messages, ids, customers", "aria-label": "Search messages, ids and customers", value: params().get("search"), maxlength: 500 });
  const submit = (event) => { event.preventDefault(); go(changed({ search: box.value.trim() })); };
  box.addEventListener("search", submit);
  return h("form", { role: "search", onsubmit: submit }, box);
}

const order = () => h("label", null, h("span", { class: "unseen" }, "Order"), h("select", { id: "order", onchange: (event) => go(changed({ order: event.target.value === "newest" ? null : event.target.value })) },
  Object.entries(ORDERS).map(([value, text]) => h("option", { value, selected: value === (params().get("order") ?? "newest") }, text))));

/** What the list was narrowed to by a click on a figure; a click here takes it back. */
function narrowing() {
  const asked = params();
  const said = [];
  if (asked.has("about")) said.push([ABOUT[asked.get("about")], ["about"]]);
  if (asked.has("tool")) said.push([`${asked.has("errors") ? "failed calls of" : "calls of"} ${asked.get("tool")}`, ["tool", "errors"]]);
  if (asked.has("sentiment")) said.push([`${asked.get("sentiment")} feedback`, ["sentiment"]]);
  if (asked.has("weekday")) said.push([`${WEEKDAYS[asked.get("weekday") - 1]} ${hourSpan(Number(asked.get("hour")))}`, ["weekday", "hour"]]);
  if (!said.length) return null;
  return h("ul", { class: "chips", "aria-label": "What the list is of" }, said.map(([text, names]) => h("li", null,
    h("button", { type: "button", class: "chip", "aria-label": `Remove: ${text}`, onclick: () => go(changed(Object.fromEntries(names.map((name) => [name, null])))) }, h("bdi", null, text), h("span", { "aria-hidden": "true" }, " ×")))));
}

export async function loadList(signal) {
  const { rows, total, facets } = await get("/api/conversations", query(), signal);
  setFacets(facets);
  document.getElementById("total").textContent = plural(total, "conversation");
  put(document.getElementById("list"), rows.length ? rows.map(line) : empty());
  pages(total);
  announce(plural(total, "conversation"));
}

const empty = () => h("div", { class: "empty" }, h("h2", null, "No conversations"), h("p", null, NARROWING.concat("search").some((name) => params().has(name)) ? "None in this window is like that. Take something back, or choose a longer time." : "None in this window. Choose a longer time, or fewer filters."));

function line(row) {
  const when = row.started_at ?? row.first_seen_at;
  const about = row.preview || (row.messages ? "" : row.started_at ? "No messages" : "Opened, nothing said");
  return h("a", { class: "conversation", href: () => linkInList("/conversation", { id: row.conversation_id }) },
    h("span", { class: "when" }, shortMoment(when, zone())),
    h("span", { class: "what" }, h("strong", { class: row.preview ? null : "quiet" }, h("bdi", null, row.name || about)), h("span", { class: "who" }, h("bdi", null, row.conversation_id), row.customer_id ? [" · ", h("bdi", null, row.customer_id)] : null)),
    h("span", { class: "marks" },
      row.is_escalated ? h("span", { class: "tag warn" }, "Escalated") : null,
      row.errors ? h("span", { class: "tag bad" }, plural(row.errors, "tool error")) : null,
      row.sentiment ? h("span", { class: `tag ${{ positive: "good", negative: "bad" }[row.sentiment] ?? ""}` }, row.sentiment) : null),
    h("span", { class: "facts" }, [channel(row.device), channel(row.source), language(row.language), country(row.country)].filter((text) => text !== "Unknown").join(" · ")),
    h("span", { class: "end" }, plural(row.messages, "message")),
    h("span", { class: "end" }, seconds(row.duration_s)),
    h("span", { class: "opens", "aria-hidden": "true" }, "›"));
}

function pages(total) {
  const size = settings.about.page_size;
  const last = Math.max(0, Math.ceil(total / size) - 1);
  const page = Math.min(Number(params().get("page") ?? 0), last);
  const to = (number, text) => (number < 0 || number > last ? h("span", { class: "quiet" }, text) : h("a", { href: () => changed({ page: number || null }) }, text));
  put(document.getElementById("pages"), last ? [to(page - 1, "← Newer"), h("span", null, `${count(page * size + 1)}–${count(Math.min((page + 1) * size, total))} of ${count(total)}`), to(page + 1, "Older →")] : null);
}

export const dimension = { device: channel, source: channel, language, country, environment: word, service: word };
