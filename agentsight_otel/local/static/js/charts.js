// The pictures, drawn as SVG and tables in the page's own colours.

import { h, put, roving, svg } from "./dom.js";
import { WEEKDAYS, count, country, dayName, dayTick, hourSpan, percent, plural, short } from "./format.js";

const BAND = 104;
const GAP = 46;
const LEFT = 44;
const MOST_BARS = 124;

/** Round figures from 0 up to at least the largest. */
function ticks(largest) {
  const rough = Math.max(largest, 1) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough));
  return Array.from({ length: Math.ceil(Math.max(largest, 1) / step) + 1 }, (_, index) => index * step);
}

/** Days, taken together by several where there are too many to draw. */
function buckets(rows) {
  const size = Math.ceil(rows.length / MOST_BARS);
  const found = [];
  for (let index = 0; index < rows.length; index += size) {
    const part = rows.slice(index, index + size);
    const sum = (name) => part.reduce((total, row) => total + row[name], 0);
    found.push({ first: part[0].day, last: part.at(-1).day, messages: sum("messages"), conversations: sum("conversations") });
  }
  return found;
}

/**
 * Messages and conversations by day, one above the other, each on its own scale.
 * @param {(first: string, last: string) => string} href leads to the conversations of some days
 */
export function daily(holder, rows, href) {
  const days = buckets(rows);
  const draw = () => {
    const width = onPaper ? PAPER_WIDTH : Math.max(holder.clientWidth, 260);
    const height = 2 * BAND + GAP + 52;
    const step = (width - LEFT) / days.length;
    const bar = Math.max(1, Math.min(step * 0.68, 34));
    const shapes = [];
    const series = [["messages", "Messages", 26], ["conversations", "Conversations", 26 + BAND + GAP]];
    for (const [name, label, top] of series) {
      const marks = ticks(Math.max(...days.map((day) => day[name])));
      const y = (value) => top + BAND - (value / marks.at(-1)) * BAND;
      shapes.push(svg("text", { x: 0, y: top - 14, class: "band" }, label));
      for (const mark of marks) {
        shapes.push(svg("line", { x1: LEFT, x2: width, y1: y(mark), y2: y(mark), class: mark ? "grid" : "axis" }));
        shapes.push(svg("text", { x: LEFT - 8, y: y(mark) + 4, class: "tick end" }, short(mark)));
      }
      days.forEach((day, index) => {
        const tall = top + BAND - y(day[name]);
        const radius = Math.min(3, bar / 2, tall);
        const left = LEFT + index * step + (step - bar) / 2;
        if (tall > 0) shapes.push(svg("path", { class: `bar ${name}`, d: `M${left} ${top + BAND}v${radius - tall}q0 ${-radius} ${radius} ${-radius}h${bar - 2 * radius}q${radius} 0 ${radius} ${radius}v${tall - radius}z` }));
      });
    }
    const every = Math.ceil(days.length / Math.max(2, Math.floor((width - LEFT) / 78)));
    days.forEach((day, index) => {
      if (index % every === 0) shapes.push(svg("text", { x: LEFT + index * step + step / 2, y: height - 6, class: "tick middle" }, dayTick(day.first)));
    });
    const hits = days.map((day, index) => {
      const when = day.first === day.last ? dayName(day.first) : `${dayName(day.first)} to ${dayName(day.last)}`;
      const tip = `${when}\n${plural(day.messages, "message")}\n${plural(day.conversations, "conversation")}`;
      return svg("a", { href: href(day.first, day.last), class: "hit", "data-tip": tip, "aria-label": tip.replaceAll("\n", ", ") },
        svg("rect", { x: LEFT + index * step, y: 0, width: step, height: height - 22 }));
    });
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", "aria-label": "Messages and conversations by day; arrow keys move between days", class: "daily" }, shapes, hits);
    picture.addEventListener("keydown", roving([hits]));
    put(holder, picture);
  };
  follow(holder, draw);
}

const PAPER_WIDTH = 720;
const drawn = new Map();
let onPaper = false;

/** Draws for paper, where letters as small as those of a wide screen could not be read, or for the screen again. */
export function drawForPaper(is) {
  onPaper = is;
  for (const [holder, draw] of drawn) if (holder.isConnected) draw();
}

const observed = new WeakMap();

/** Draws now, and again whenever the width changes. */
function follow(holder, draw) {
  observed.get(holder)?.disconnect();
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (holder.clientWidth === width || !holder.clientWidth) return;
    width = holder.clientWidth;
    draw();
  });
  observed.set(holder, observer);
  for (const each of drawn.keys()) if (!each.isConnected) drawn.delete(each);
  drawn.set(holder, draw);
  if (holder.clientWidth) { width = holder.clientWidth; draw(); }
  observer.observe(holder);
}

/** The hours of the week: a table whose cells are coloured; each is a link to the conversations behind it. */
export function heatMap(rows, measure, href) {
  const most = Math.max(...rows.map((row) => row[measure]), 0);
  const find = new Map(rows.map((row) => [`${row.day_of_week} ${row.hour}`, row[measure]]));
  const cells = WEEKDAYS.map((name, day) => Array.from({ length: 24 }, (_, hour) => {
    const value = find.get(`${day + 1} ${hour}`) ?? 0;
    const tip = `${name} ${hourSpan(hour)}\n${plural(value, measure.slice(0, -1))}`;
    return h("a", { href: href(day + 1, hour), class: value ? "cell" : "cell none", style: { "--level": most ? (value / most).toFixed(3) : "0" }, "data-tip": tip, "aria-label": tip.replace("\n", ", ") });
  }));
  const head = h("tr", null, h("th", null, h("span", { class: "unseen" }, "Weekday")), Array.from({ length: 24 }, (_, hour) => h("th", { scope: "col", class: hour % 3 ? "minor" : null }, String(hour).padStart(2, "0"))));
  const body = cells.map((row, day) => h("tr", null, h("th", { scope: "row" }, WEEKDAYS[day].slice(0, 3)), row.map((cell) => h("td", null, cell))));
  const table = h("table", { class: "heat" }, h("caption", { class: "unseen" }, `${measure} by weekday and hour; arrow keys move between hours`), h("thead", null, head), h("tbody", null, body));
  table.addEventListener("keydown", roving(cells));
  const peak = rows.reduce((best, row) => (row[measure] > (best?.[measure] ?? 0) ? row : best), null);
  const said = peak ? `Busiest: ${WEEKDAYS[peak.day_of_week - 1]} ${hourSpan(peak.hour)}, ${plural(peak[measure], measure.slice(0, -1))}` : "Nothing in this window";
  return [h("div", { class: "heat-holder" }, table), h("p", { class: "legend" }, h("span", null, said), scale("0", short(most)))];
}

const scale = (low, high) => h("span", { class: "scale", "aria-hidden": "true" }, low, h("i"), high);

let world = null;

/** The shapes of the countries, asked for once. */
export const loadWorld = () => (world ??= fetch("/static/world.json").then((answer) => answer.json()));

/** Countries coloured by their conversations; small ones are dots. For the eye and the mouse: the list beside it says the same. */
export async function worldMap(holder, rows, href) {
  const { viewBox, shapes, dots } = await loadWorld();
  const counts = new Map(rows.map((row) => [row.country, row.conversations]));
  const most = Math.max(...rows.filter((row) => row.country in shapes || row.country in dots).map((row) => row.conversations), 0);
  const place = (code, shape) => {
    const value = counts.get(code) ?? 0;
    if (!value) return shape;
    // By the square root: else one big country leaves all others pale.
    shape.style.setProperty("--level", Math.sqrt(value / most).toFixed(3));
    shape.classList.add("known");
    const tip = `${country(code)}\n${plural(value, "conversation")}`;
    return svg("a", { href: href(code), "data-tip": tip, tabindex: "-1" }, shape);
  };
  const land = Object.entries(shapes).filter(([code]) => !(code in dots && counts.get(code))).map(([code, d]) => place(code, svg("path", { d, "data-country": code })));
  const small = Object.entries(dots).filter(([code]) => counts.get(code)).map(([code, [cx, cy]]) => place(code, svg("circle", { cx, cy, r: 7, "data-country": code })));
  put(holder, svg("svg", { viewBox, class: "world", "aria-hidden": "true" }, land, small),
    most ? h("p", { class: "legend" }, h("span"), scale("1", short(most))) : null);
}

/**
 * Names with bars, the largest first.
 * @param {{name: string, value: number, href?: string, mark?: string, quiet?: boolean}[]} items
 */
export function barList(items, { most = 8, unit = "conversation", of = "value", ofMany = `${of}s` } = {}) {
  if (!items.length) return nothing();
  const largest = Math.max(...items.map((item) => item.value));
  const total = items.reduce((sum, item) => sum + item.value, 0);
  const line = (item) => h("li", null, h(item.href ? "a" : "div", { href: item.href, class: item.quiet ? "row quiet" : "row", style: { "--share": `${(item.value / largest) * 100}%` }, "data-tip": `${item.name}\n${plural(item.value, unit)}, ${percent(item.value / total)}` },
    h("span", { class: "name" }, item.mark ? h("span", { class: "code", "aria-hidden": "true" }, item.mark) : null, h("bdi", null, item.name)), h("span", { class: "number" }, short(item.value)), h("span", { class: "share" }, percent(item.value / total, 0))));
  const rest = items.slice(most);
  return [h("ol", { class: "bars" }, items.slice(0, most).map(line)),
    rest.length ? h("details", { class: "more" }, h("summary", null, `${plural(rest.length, `more ${of}`, `more ${ofMany}`)}, ${plural(rest.reduce((sum, item) => sum + item.value, 0), unit)}`), h("ol", { class: "bars" }, rest.map(line))) : null];
}

export const nothing = (text = "Nothing in this window") => h("p", { class: "nothing" }, text);

/** What went well and what did not, as one bar of three parts. */
export function feedbackBar(row, href) {
  const rated = row.positive + row.negative;
  const parts = [["positive", "Positive"], ["neutral", "Neutral"], ["negative", "Negative"]];
  if (!row.total) return nothing("No feedback in this window");
  return [
    h("div", { class: "stack", "aria-hidden": "true" }, parts.map(([name]) => h("i", { class: name, style: { "flex-grow": String(row[name]) } }))),
    h("p", { class: "given" }, h("strong", null, short(row.total)), ` ${row.total === 1 ? "conversation" : "conversations"} rated`),
    h("ul", { class: "feedback" }, parts.map(([name, label]) => h("li", null, h("a", { href: href(name), "data-tip": `${label}\n${plural(row[name], "conversation")}, ${percent(row[name] / row.total)}` }, h("i", { class: `dot ${name}`, "aria-hidden": "true" }), h("span", { class: "name" }, label), h("strong", null, short(row[name])), h("span", { class: "share" }, percent(row[name] / row.total, 0)))))),
    h("p", { class: "legend" }, rated ? `Shares of all ${short(row.total)}. Satisfaction, ${percent(row.positive / rated)}, leaves the neutral ones out: ${short(row.positive)} of ${short(rated)}.` : `Shares of all ${short(row.total)}.`),
  ];
}

/** A plain table of a view's rows, for those who would rather read than look. */
export function dataTable(columns, rows, format, label) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, h("table", { class: "data" },
    h("thead", null, h("tr", null, columns.map((column) => h("th", { scope: "col", class: column.text ? null : "end" }, column.label)))),
    h("tbody", null, rows.map((row) => h("tr", null, columns.map((column) => h("td", { class: column.text ? null : "end" }, format(column, row[column.name]))))))));
}
