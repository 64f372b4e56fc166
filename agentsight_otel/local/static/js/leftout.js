// What the figures leave out: asked when it is unfolded, as it is read from the spans themselves.

import { dataTable } from "./charts.js";
import { byId, h, put } from "./dom.js";
import { count } from "./format.js";
import { get, query } from "./state.js";

const REASONS = { robot: "Robots: counted nowhere", "no customer": "No customer: counted as nobody's", ignored: "Ignored, as their spans say" };
const COLUMNS = [
  { name: "reason", label: "Why", text: true },
  { name: "value", label: "Sent as customer", text: true },
  { name: "conversations", label: "Conversations" },
  { name: "spans", label: "Spans" },
];

const format = ({ name, text }, value) => (name === "reason" ? REASONS[value] ?? value : text ? h("bdi", null, value) : count(value));

/** The folded card below the panels. */
export function leftOut() {
  return h("details", { class: "card wide left-out", id: "left-out", ontoggle: (event) => event.target.open && askLeftOut() },
    h("summary", null, "Left out of these figures"),
    h("p", { class: "quiet" }, "Conversations of robots, values that are no customers (table no_customers), and spans that ask to be ignored, of this window, whatever the filters."),
    h("div", { class: "body", "aria-live": "polite" }));
}

/** Asks anew where it is unfolded. */
export async function askLeftOut(signal) {
  const card = byId("left-out");
  if (!card?.open) return;
  const body = card.querySelector(".body");
  if (!body.childElementCount) put(body, h("p", { class: "quiet" }, "…"));
  try {
    const { rows } = await get("/api/left-out", query(), signal);
    card.classList.remove("stale");
    put(body, rows.length ? dataTable(COLUMNS, rows, format, "Left out, table") : h("p", { class: "quiet" }, "Nothing was left out."));
  } catch (error) {
    if (!signal?.aborted) put(body, h("p", { class: "bad-text", role: "alert" }, error.message));
  }
}
