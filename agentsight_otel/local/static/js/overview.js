// The dashboard: each panel is drawn when its metric has been answered.

import { barList, daily, dataTable, feedbackBar, heatMap, loadWorld, nothing, worldMap } from "./charts.js";
import { byId, h, put } from "./dom.js";
import { showEmpty } from "./empty.js";
import { askLeftOut, leftOut } from "./leftout.js";
import { askModels, models } from "./models.js";
import { escalationMenu, marksOfTool } from "./escalation.js";
import { NONE, WEEKDAYS, byUnit, change, count, country, dayName, hourSpan, percent, plural, seconds, short, valueName } from "./format.js";
import { download, link, lines, params, query, settings, zone } from "./state.js";
import { setFacets } from "./controls.js";

const list = (changes) => () => link("/conversations", changes);

const TILES = [
  ["metric_total_conversations", list({}), (row) => `${perDay(row.conversations)} a day`],
  ["metric_total_messages", list({ about: "messages" }), (row) => `${short(row.user_messages)} by users · ${short(row.agent_messages)} by the agent`],
  ["metric_individual_users", list({ about: "identified" }), (row) => `in ${plural(row.identified_conversations, "conversation")}`],
  ["metric_agent_response_time", list({ about: "messages" }), (row) => `median ${seconds(row.p50_s)} · p95 ${seconds(row.p95_s)} · ${count(row.unanswered)} unanswered`],
  ["metric_conversation_duration", list({ about: "timed", order: "longest" }), (row) => `median ${seconds(row.p50_s)} · p95 ${seconds(row.p95_s)}`],
  ["metric_human_escalation", list({ about: "escalated" }), (row) => `${count(row.escalated)} of ${plural(row.conversations, "conversation")}`],
  ["metric_conversation_feedback", list({ sentiment: "positive" }), (row) => `${count(row.positive)} positive · ${count(row.negative)} negative`, "Satisfaction"],
  ["metric_unique_interaction", list({ about: "visits" }), (row) => `${count(row.engaged)} of ${plural(row.visits, "visit")}`],
];

const SHARES = [["metric_device_usage", "device"], ["metric_source", "source"], ["metric_language", "language"]];

const metric = (view) => settings.about.metrics.find((each) => each.view === view);
const found = new Map();
const asTable = new Set();
let measure = "messages";
let days = 1;

const perDay = (number) => (number / days).toLocaleString("en", { maximumFractionDigits: 1 });

const info = (text, label) => h("button", { type: "button", class: "info", "aria-label": `${label}: ${text}`, "data-tip": text }, "?");

function panel(view, { wide = "", tools = null, table = true, title } = {}) {
  const { title: called, definition } = metric(view);
  const toggle = table && h("button", { type: "button", class: "text", id: `${view}-table`, "aria-pressed": String(asTable.has(view)), onclick: () => {
    asTable.has(view) ? asTable.delete(view) : asTable.add(view);
    byId(`${view}-table`).setAttribute("aria-pressed", String(asTable.has(view)));
    draw(view);
  } }, "Table");
  return h("section", { class: `card ${wide}`, id: view, "aria-labelledby": `${view}-title` },
    h("header", null, h("h2", { id: `${view}-title` }, title ?? called), info(definition, title ?? called), h("span", { class: "fill" }), tools, toggle, exports(view)),
    h("div", { class: "body" }, h("div", { class: "skeleton" })));
}

/** The links that save what a panel or a list shows. */
export function exports(what, extra = {}) {
  const href = (kind) => () => download(what, kind, extra);
  const label = { conversations: "these conversations", transcript: "this transcript" }[what] ?? metric(what).title;
  return h("details", { class: "export" }, h("summary", { "aria-label": `Export ${label}` }, "Export"),
    h("div", { class: "popover small" }, h("a", { href: href("csv"), download: "", "data-reload": "" }, "CSV"), h("a", { href: href("parquet"), download: "", "data-reload": "" }, "Parquet")));
}

function tile([view, href, , title]) {
  const { title: called, definition } = metric(view);
  return h("article", { class: "tile", id: view }, h("header", null, h("h2", null, h("a", { href }, title ?? called)), info(definition, title ?? called)),
    h("p", { class: "value" }, h("span", { class: "skeleton" })), h("p", { class: "change" }), h("p", { class: "detail" }));
}

function measures() {
  const set = (name) => () => {
    measure = name;
    for (const each of ["messages", "conversations"]) byId(`heat-${each}`).setAttribute("aria-pressed", String(each === measure));
    draw("metric_peak_hours");
  };
  return h("div", { class: "segments small", role: "group", "aria-label": "Of what" }, ["messages", "conversations"].map((name) =>
    h("button", { type: "button", id: `heat-${name}`, "aria-pressed": String(name === measure), onclick: set(name) }, name[0].toUpperCase() + name.slice(1))));
}

/** The page without figures; they come by load(). */
export function showOverview(main) {
  found.clear();
  loadWorld();
  put(main, h("h1", { class: "unseen" }, "Overview"), h("div", { id: "report" }), h("div", { id: "notice" }),
    h("div", { class: "tiles" }, TILES.map(tile)),
    h("div", { class: "panels" },
      panel("metric_daily_overview", { wide: "wide", title: "Messages and conversations by day" }),
      panel("metric_peak_hours", { wide: "half", tools: measures() }),
      panel("metric_conversation_feedback", { wide: "third-2", table: false, title: "Feedback" }),
      panel("metric_world_map", { wide: "wide", title: "Countries" }),
      SHARES.map(([view]) => panel(view, { wide: "third", table: false })),
      panel("metric_tool_usage", { wide: "wide", table: false, title: "Tool usage", tools: escalationMenu(() => draw("metric_tool_usage")) }),
      models(),
      leftOut()));
  // The feedback metric has a tile and a panel; the tile keeps the id of the view.
  main.querySelector("section#metric_conversation_feedback").id = "feedback";
}

/** Figures of another window or other filters are dimmed, each until its own have come. */
export function dimOverview() {
  for (const each of document.querySelectorAll("main .tile, main .panels > section.card, #left-out[open]")) each.classList.add("stale");
  byId("report")?.classList.add("stale");
}

/** Asks for all figures and shows each as it comes. */
export async function loadOverview(signal) {
  let problem = null;
  for await (const part of lines("/api/overview", query(), signal)) {
    if (part.error) problem = part.error;
    if (part.window) {
      settings.revision = part.revision;
      report(part.window);
    }
    if (part.facets) setFacets(part.facets);
    if (part.view) {
      found.set(part.view, part);
      draw(part.view);
    }
  }
  if (problem) throw new Error(problem);
  askLeftOut(signal);
  const rows = (view) => found.get(view)?.rows ?? [];
  const empty = !rows("metric_unique_interaction")[0]?.visits && !rows("metric_total_messages")[0]?.messages && !rows("metric_tool_usage").length;
  showEmpty(byId("notice"), empty);
  await askModels(signal);
}

function report(window) {
  days = (new Date(window.to) - new Date(window.from)) / 86_400_000;
  const chosen = Object.entries(settings.about.filters).flatMap(([name, label]) => (params().getAll(name).length ? [`${label}: ${params().getAll(name).map((value) => valueName(name, value)).join(", ")}`] : []));
  const options = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone() };
  const say = (text) => new Date(text).toLocaleString("en-GB", options);
  byId("report").classList.remove("stale");
  put(byId("report"), h("p", { class: "window" }, h("strong", null, `${say(window.from)} – ${say(window.to)}`), ` ${zone()}`, chosen.length ? ` · ${chosen.join(" · ")}` : "", h("span", { class: "compared" }, " · compared with the period before")));
}

function draw(view) {
  const part = found.get(view);
  if (!part) return;
  const tileOf = TILES.find(([name]) => name === view);
  if (tileOf) drawTile(tileOf, part);
  if (tileOf) byId(view).classList.remove("stale");
  if (PANELS[view]) {
    const card = byId(view === "metric_conversation_feedback" ? "feedback" : view);
    const body = card?.querySelector(".body");
    if (!body) return;
    const unfolded = card.querySelector("details.more")?.open ?? false;
    const focused = body.contains(document.activeElement) ? [...body.querySelectorAll("a, summary")].indexOf(document.activeElement) : -1;
    if (asTable.has(view)) put(body, tableOf(view, part.rows));
    else PANELS[view](body, part.rows);
    card.classList.remove("stale");
    const more = body.querySelector("details.more");
    if (more) more.open = unfolded;
    if (focused >= 0) [...body.querySelectorAll("a, summary")][focused]?.focus({ preventScroll: true });
  }
}

function drawTile([view, , detail], { rows: [row], previous: [before] }) {
  const { headline, columns } = metric(view);
  const column = columns.find((each) => each.name === headline);
  const format = byUnit[column.unit];
  const box = byId(view);
  const value = row[headline];
  put(box.querySelector(".value"), column.unit === "count" ? short(value) : format(value));
  const moved = change(value, before[headline], column.direction, column.unit === "ratio");
  const verdict = ["bad", "same", "good"][(moved?.verdict ?? 0) + 1];
  const was = before[headline] === null ? NONE : column.unit === "count" ? short(before[headline]) : format(before[headline]);
  put(box.querySelector(".change"), moved && value !== before[headline] ? h("span", { class: `delta ${verdict}` }, moved.arrow && h("span", { "aria-label": moved.arrow === "▲" ? "up" : "down", role: "img" }, moved.arrow), " ", moved.text) : null, h("span", { class: "was" }, moved && value !== before[headline] ? ` from ${was}` : was === NONE ? "nothing before" : `before: ${was}`));
  put(box.querySelector(".detail"), value === null ? "nothing in this window" : detail(row));
}

const PANELS = {
  metric_daily_overview: (body, rows) => {
    if (!body.querySelector(".daily-holder")) put(body, h("div", { class: "daily-holder" }));
    daily(body.firstChild, rows, (from, to) => list({ range: null, from, to }));
  },
  metric_peak_hours: (body, rows) => put(body, heatMap(rows, measure, (weekday, hour) => list({ weekday, hour, about: measure === "messages" ? "messages" : null }))),
  metric_world_map: (body, rows) => {
    if (!body.querySelector(".map")) put(body, h("div", { class: "geo" }, h("div", { class: "map" }), h("div", { class: "beside" })));
    worldMap(body.querySelector(".map"), rows, (code) => list({ country: code }));
    put(body.querySelector(".beside"), barList(rows.map((row) => ({ name: country(row.country), mark: row.country === "unknown" ? null : row.country, value: row.conversations, href: list({ country: row.country }), quiet: row.country === "unknown" })), { most: 9, of: "country", ofMany: "countries" }));
  },
  ...Object.fromEntries(SHARES.map(([view, name]) => [view, (body, rows) => put(body, barList(rows.map((row) => ({ name: valueName(name, row[name]), value: row.conversations, href: list({ [name]: row[name] }), quiet: row[name] === "unknown" })), { of: name }))])),
  metric_conversation_feedback: (body, rows) => put(body, feedbackBar(rows[0], (sentiment) => list({ sentiment }))),
  metric_tool_usage: (body, rows) => put(body, rows.length ? tools(rows) : nothing("No tool calls in this window")),
};

const MOST_TOOLS = 12;

function tools(rows) {
  const most = rows[0].calls;
  const slowest = Math.max(...rows.map((row) => row.p95_s));
  const line = (row) => h("tr", null,
    h("th", { scope: "row" }, h("a", { href: list({ tool: row.tool }) }, h("bdi", null, row.tool)), marksOfTool(row.tool)),
    h("td", { class: "end", "data-label": "Calls" }, h("span", { class: "meter", style: { "--share": `${(row.calls / most) * 100}%` } }), short(row.calls)),
    h("td", { class: "end", "data-label": "Errors" }, row.errors ? h("a", { class: "delta bad", href: list({ tool: row.tool, errors: "1" }) }, `${short(row.errors)} · ${percent(row.errors / row.calls)}`) : h("span", { class: "quiet" }, "0")),
    h("td", { class: "end", "data-label": "Average" }, seconds(row.average_s)),
    h("td", { class: "end", "data-label": "p95" }, h("span", { class: "meter time", style: { "--share": `${slowest ? (row.p95_s / slowest) * 100 : 0}%` } }), seconds(row.p95_s)));
  const table = (part) => h("table", { class: "data calls" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Tool"), ["Calls", "Errors", "Average", "p95"].map((name) => h("th", { scope: "col", class: "end" }, name)))), h("tbody", null, part.map(line)));
  const rest = rows.slice(MOST_TOOLS);
  return [table(rows.slice(0, MOST_TOOLS)), rest.length ? h("details", { class: "more" }, h("summary", null, `${plural(rest.length, "more tool")}, ${plural(rest.reduce((sum, row) => sum + row.calls, 0), "call")}`), table(rest)) : null];
}

function tableOf(view, rows) {
  const columns = metric(view).columns.map((column) => ({ ...column, text: ["text", "country", "day", "weekday"].includes(column.unit), label: column.label[0].toUpperCase() + column.label.slice(1) }));
  const format = (column, value) => ({ country, day: dayName, weekday: (number) => WEEKDAYS[number - 1], hour: hourSpan, text: (text) => text, ...byUnit })[column.unit](value);
  return rows.length ? dataTable(columns, rows, format, `${metric(view).title}, table`) : nothing();
}
