// Which tools count as a hand-over to a person: shown with the tools, and changed there.

import { announce, byId, h, put } from "./dom.js";
import { get, post } from "./state.js";

let known = null;
let redraw = () => {};
const key = (tool) => tool.trim().toLowerCase();

const counts = (tool) => known?.tools.some((each) => key(each) === key(tool)) ?? false;

/** What a row of the table of tools says beside the name. */
export function marksOfTool(tool) {
  if (counts(tool)) return h("span", { class: "tag warn", "data-tip": "Hands over\nA call of this tool counts the conversation as escalated" }, "hands over");
  return known?.suspects.includes(tool) ? h("span", { class: "tag", "data-tip": "Hands over?\nIts name suggests so, and it does not count: see Hand-overs" }, "hands over?") : null;
}

/** The menu over the table of tools. */
export function escalationMenu(draw) {
  redraw = draw;
  ask();
  return h("details", { class: "menu-details" }, h("summary", { id: "hand-overs" }, "Hand-overs"), h("div", { class: "popover escalation", id: "hand-overs-menu" }, h("p", { class: "quiet" }, "…")));
}

async function ask() {
  try {
    show(await get("/api/escalation", new URLSearchParams()));
  } catch { /* the table of tools is shown without */ }
}

async function change(tool, wanted) {
  const said = byId("hand-overs-problem");
  try {
    show(await post("/api/escalation", { tool, counts: wanted }));
    announce(wanted ? `${tool} counts as a hand-over` : `${tool} does not count as a hand-over`);
    document.dispatchEvent(new CustomEvent("figures-changed"));
  } catch (error) {
    said.textContent = error.message;
  }
}

function show(answer) {
  known = answer;
  redraw();
  const menu = byId("hand-overs-menu");
  if (!menu) return;
  const { tools, suspects, editable } = known;
  const button = (tool, wanted, text) => (editable ? h("button", { type: "button", class: "text", "aria-label": `${text} ${tool}`, onclick: () => change(tool, wanted) }, text) : null);
  const row = (tool, wanted, text) => h("li", null, h("bdi", null, tool), button(tool, wanted, text));
  const box = h("input", { id: "hand-over-tool", maxlength: 200, placeholder: "name of a tool", "aria-label": "Name of a tool that hands over", required: true });
  put(menu,
    h("h3", null, "Tools that count as a hand-over to a person"),
    tools.length ? h("ul", null, tools.map((tool) => row(tool, false, "Remove"))) : h("p", { class: "quiet" }, "None: no conversation counts as escalated."),
    suspects.length ? [h("h3", null, "Names that suggest one, and do not count"), h("ul", null, suspects.map((tool) => row(tool, true, "Add")))] : null,
    editable
      ? h("form", { onsubmit: (event) => { event.preventDefault(); change(box.value, true); } }, box, h("button", { class: "primary" }, "Add"))
      : h("p", { class: "quiet" }, "Change them by agentsight-otel escalation-tools add and remove."),
    h("p", { id: "hand-overs-problem", class: "bad-text", role: "alert" }));
}
