// Which models were called, with their tokens and cost: a card that is there where any was.

import { dataTable } from "./charts.js";
import { byId, h, put } from "./dom.js";
import { NONE, percent, seconds, short } from "./format.js";
import { get, query } from "./state.js";

const COLUMNS = [
  { name: "model", label: "Model", text: true },
  { name: "calls", label: "Calls" },
  { name: "errors", label: "Errors" },
  { name: "input_tokens", label: "Tokens in" },
  { name: "output_tokens", label: "Tokens out" },
  { name: "average_s", label: "Average" },
  { name: "p95_s", label: "p95" },
  { name: "cost", label: "Cost" },
];

const cost = (row) => (row.cost === null ? NONE : `${row.cost.toLocaleString("en", { maximumSignificantDigits: 3 })} ${row.currency}`);

const cells = {
  model: (row) => [h("bdi", null, row.model), row.provider ? h("span", { class: "quiet" }, " ", h("bdi", null, row.provider)) : null],
  errors: (row) => (row.errors ? `${short(row.errors)} · ${percent(row.errors / row.calls)}` : "0"),
  input_tokens: (row) => [short(row.input_tokens), row.cached_input_tokens ? h("span", { class: "quiet" }, ` ${short(row.cached_input_tokens)} cached`) : null],
  average_s: (row) => seconds(row.average_s),
  p95_s: (row) => seconds(row.p95_s),
  cost,
};

/** The card below the tools, hidden until a model was called. */
export function models() {
  return h("section", { class: "card wide", id: "models", hidden: true, "aria-labelledby": "models-title" },
    h("header", null, h("h2", { id: "models-title" }, "Models")), h("div", { class: "body" }));
}

/** Asks for the models of the window that is shown. */
export async function askModels(signal) {
  const { rows } = await get("/api/models", query(), signal);
  const card = byId("models");
  if (!card) return;
  card.classList.remove("stale");
  card.hidden = !rows.length;
  const shown = rows.map((row) => Object.fromEntries(COLUMNS.map(({ name }) => [name, (cells[name] ?? ((each) => short(each[name])))(row)])));
  const priced = rows.some((row) => row.cost !== null);
  put(card.querySelector(".body"), dataTable(COLUMNS.filter(({ name }) => name !== "cost" || priced), shown, (column, value) => value, "Models, table"),
    priced ? null : h("p", { class: "quiet" }, "Costs come with prices: ", h("code", null, "agentsight-otel prices import FILE")));
}
