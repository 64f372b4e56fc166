// Window, time zone and filters: each change is a new URL.

import { byId, h, put } from "./dom.js";
import { count, valueName } from "./format.js";
import { RANGES, browserZone, changed, go, params, settings, zone } from "./state.js";

let facets = {};
let open = null;

/** Shows the controls as the URL says. */
export function showControls(isTranscript) {
  const bar = byId("controls");
  bar.hidden = isTranscript;
  if (isTranscript) return;
  const active = document.activeElement?.id;
  put(bar, ranges(), menu("dates", "Dates…", dates, params().has("from")), zones(), menu("filters", filterLabel(), filterMenu, chosen().length > 0), chips());
  if (active) byId(active)?.focus();
}

/** What the filters can be set to; a menu that is open keeps its place. */
export function setFacets(found) {
  facets = found;
  const body = byId("filters-menu");
  if (body && !body.contains(document.activeElement)) put(body, filterMenu());
}

const range = () => (params().has("from") ? null : params().get("range") ?? settings.about.default_range);

function ranges() {
  return h("div", { class: "segments", role: "group", "aria-label": "Time range" }, RANGES.map(([value, text]) =>
    h("button", { type: "button", id: `range-${value}`, "aria-pressed": String(range() === value), onclick: () => go(changed({ range: value, from: null, to: null })) }, text)));
}

function menu(name, text, content, marked) {
  const body = h("div", { class: "popover", id: `${name}-menu`, hidden: open !== name }, content());
  const button = h("button", { type: "button", id: `${name}-button`, class: marked ? "menu marked" : "menu", "aria-expanded": String(open === name), "aria-controls": `${name}-menu`, onclick: () => toggle(name) }, text);
  return h("div", { class: "menu-holder" }, button, body);
}

function toggle(name) {
  open = open === name ? null : name;
  for (const each of ["dates", "filters"]) {
    byId(`${each}-menu`).hidden = open !== each;
    byId(`${each}-button`).setAttribute("aria-expanded", String(open === each));
  }
}

export function startControls() {
  addEventListener("click", (event) => {
    if (!event.target.isConnected) return;
    if (open && !event.target.closest(".menu-holder")) toggle(open);
    for (const menu of openDetails()) if (!menu.contains(event.target) || event.target.closest("a[download]")) menu.open = false;
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openDetails()) {
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    }
    if (!open) return;
    const name = open;
    toggle(open);
    byId(`${name}-button`).focus();
  });
  // One menu at a time, also where the keyboard goes on to the next.
  addEventListener("focusin", (event) => {
    for (const menu of openDetails()) if (!menu.contains(event.target)) menu.open = false;
  });
}

/** Menus that are details: exports, hand-overs. */
const openDetails = () => document.querySelectorAll("details.export[open], details.menu-details[open]");

function dates() {
  const from = h("input", { type: "date", id: "from", required: true, value: params().get("from")?.slice(0, 10) });
  const to = h("input", { type: "date", id: "to", required: true, value: params().get("to")?.slice(0, 10) });
  const submit = (event) => {
    event.preventDefault();
    if (from.value > to.value) [from.value, to.value] = [to.value, from.value];
    open = null;
    go(changed({ range: null, from: from.value, to: to.value }));
  };
  return h("form", { class: "dates", onsubmit: submit }, h("label", null, "First day", from), h("label", null, "Last day", to), h("button", { class: "primary" }, "Show"));
}

function zones() {
  const set = (event) => {
    const wanted = event.target.value;
    go(changed({ timezone: wanted === browserZone() ? null : wanted }));
  };
  const now = zone();
  const all = [...new Set([now, browserZone(), "UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])])];
  return h("label", { class: "zone" }, h("span", { class: "unseen" }, "Time zone"),
    h("select", { id: "timezone", onchange: set }, all.map((name) => h("option", { value: name, selected: name === now }, name.replaceAll("_", " ")))));
}

const chosen = () => Object.keys(settings.about.filters).flatMap((name) => params().getAll(name).map((value) => [name, value]));
const filterLabel = () => (chosen().length ? `Filters · ${chosen().length}` : "Filters");

function filterMenu() {
  const groups = Object.entries(settings.about.filters).map(([name, label]) => {
    const set = params().getAll(name);
    const values = [...(facets[name] ?? [])];
    for (const value of set) if (!values.some(([each]) => each === value)) values.unshift([value, 0]);
    const boxes = values.map(([value, number]) => h("label", { class: "check" },
      h("input", { type: "checkbox", id: `filter-${name}-${value}`, checked: set.includes(value), onchange: (event) => go(changed({ [name]: event.target.checked ? [...set, value] : set.filter((each) => each !== value) })) }),
      h("span", { class: "name" }, valueName(name, value)), h("span", { class: "number" }, count(number))));
    return h("fieldset", null, h("legend", null, label), boxes.length ? h("div", { class: "checks" }, boxes) : h("p", { class: "quiet" }, "none in this window"));
  });
  return h("div", { class: "filters" }, groups);
}

function chips() {
  if (!chosen().length) return null;
  const clear = Object.fromEntries(Object.keys(settings.about.filters).map((name) => [name, null]));
  return h("ul", { class: "chips", "aria-label": "Filters in use" },
    chosen().map(([name, value]) => h("li", null, h("button", { type: "button", class: "chip", "aria-label": `Remove filter ${settings.about.filters[name]}: ${valueName(name, value)}`, onclick: () => go(changed({ [name]: params().getAll(name).filter((each) => each !== value) })) },
      h("span", { class: "quiet" }, `${settings.about.filters[name]} `), valueName(name, value), h("span", { "aria-hidden": "true" }, " ×")))),
    h("li", null, h("button", { type: "button", class: "text", onclick: () => go(changed(clear)) }, "Clear all")));
}
