// What is shown while there is nothing to show: how to begin, or what to change.

import { copyButton, h, put } from "./dom.js";
import { params, settings } from "./state.js";

/** Whether the database has no span at all: then the page is about to see its first. */
export const isFirstRun = () => Number(settings.revision) === 0;

export function showEmpty(holder, empty) {
  document.body.classList.toggle("first-run", empty && isFirstRun());
  if (!empty) put(holder);
  else if (isFirstRun()) {
    // Drawn once, so that what is being copied stays.
    if (!holder.querySelector(".begin")) put(holder, begin());
  } else put(holder, nothing());
}

function nothing() {
  const filtered = Object.keys(settings.about.filters).some((name) => params().has(name));
  return h("section", { class: "card empty" },
    h("h2", null, filtered ? "Nothing matches these filters in this window" : "No conversations in this window"),
    h("p", null, filtered ? "Remove a filter, or choose a longer time." : "There are some at other times: choose a longer time."));
}

function begin() {
  const { lines, first_run: { python, others } } = settings.about;
  const code = (text, label) => h("div", { class: "code-block" }, h("pre", { tabindex: "0", "aria-label": label }, text), copyButton(text, `Copy: ${label}`));
  return h("section", { class: "card begin" },
    h("h2", null, "Send the first conversation"),
    h("p", { class: "waiting", role: "status" }, h("span", { class: "pulse", "aria-hidden": "true" }), "Waiting for the first span. This page shows it by itself, within seconds."),
    h("ol", { class: "steps" },
      h("li", null, h("h3", null, "Say where to"), code(["pip install agentsight-otel", ...lines].join("\n"), "environment")),
      h("li", null, h("h3", null, "Record a conversation"), code(python, "Python"))),
    h("details", null, h("summary", null, "With other SDKs and languages"),
      h("p", { class: "quiet" }, "Keep what you have: give its OTLP exporter the variables above, and say which conversation it is."),
      others.map(([title, text]) => [h("h3", null, title), code(text, title)])));
}
