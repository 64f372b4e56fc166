// One conversation: what was said, what the agent did, and how long it took.

import { byId, copyButton, h, put } from "./dom.js";
import { NONE, clock, count, dayOf, moment, plural, seconds } from "./format.js";
import { dimension } from "./conversations.js";
import { exports } from "./overview.js";
import { get, linkInList, params, query, settings, zone } from "./state.js";
import { waterfall } from "./waterfall.js";

export function showTranscript(main) {
  const shown = params().get("id") ?? "";
  put(main, h("div", { class: "page-head" }, h("a", { class: "back", href: () => linkInList("/conversations") }, "← Conversations"),
    h("nav", { id: "neighbours", class: "neighbours", "aria-label": "Conversations before and after this one in the list" }),
    h("span", { class: "fill" }), copyButton(() => location.href, "Copy link to this conversation", "Copy link"), exports("transcript", { id: shown })),
    h("div", { id: "transcript" }, h("div", { class: "card skeleton tall" })));
}

export async function loadTranscript(signal) {
  const holder = byId("transcript");
  const asked = query();
  const near = get("/api/neighbours", asked, signal).catch(() => ({ previous: "", next: "" }));
  let found;
  try {
    found = await get("/api/conversation", new URLSearchParams({ id: params().get("id") ?? "", ...(params().get("since") ? { since: params().get("since") } : {}) }), signal);
  } catch (error) {
    if (error.status !== 404) throw error;
    put(holder, h("section", { class: "card empty" }, h("h1", null, "There is no such conversation"), h("p", null, "It may have been sent under another id, or be older than what this database keeps.")));
    return;
  }
  const open = new Set([...holder.querySelectorAll("details[open]")].map((each) => each.dataset.key));
  const trace = found.spans && h("details", { class: "card trace-card", "data-key": "trace", open: open.size ? open.has("trace") : matchMedia("(min-width: 1081px)").matches },
    h("summary", null, h("h2", null, "Trace"), h("span", { class: "quiet" }, plural(found.spans[0]?.total ?? 0, "span"))), waterfall(found.spans, jump));
  put(holder, h("ol", { class: "thread", "aria-label": "What happened, in time" }, thread(found.items), rest(found)), h("div", { class: "aside" }, head(found), trace));
  for (const each of holder.querySelectorAll("details")) if (open.has(each.dataset.key)) each.open = true;
  document.title = `${found.name || found.conversation_id} · AgentSight`;
  const { previous, next } = await near;
  const to = (id, text) => (id ? h("a", { href: () => linkInList("/conversation", { id }), rel: text.includes("→") ? "next" : "prev" }, text) : null);
  put(byId("neighbours"), to(previous, "← Previous"), to(next, "Next →"));
}

/** Shows what a span of the trace is in the talk. */
function jump(spanId) {
  const target = [...document.querySelectorAll(".thread [data-key]")].find((each) => each.dataset.key === spanId);
  if (!target) return;
  if (target.tagName === "DETAILS") target.open = true;
  target.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  target.classList.add("found");
  setTimeout(() => target.classList.remove("found"), 1600);
}

function head(found) {
  const tools = found.items.filter((item) => item.type === "tool");
  const fact = (label, value) => h("div", null, h("dt", null, label), h("dd", null, h("bdi", null, value)));
  return h("section", { class: "card facts-card" }, h("h1", null, h("bdi", null, found.name || found.conversation_id)),
    h("dl", null,
      found.name ? fact("Id", found.conversation_id) : null,
      fact("Customer", found.customer_id || NONE),
      fact("Started", found.started_at ? moment(found.started_at, zone()) : "opened only"),
      fact("Duration", seconds(found.duration_s)),
      fact("Messages", `${count(found.user_messages)} by the user, ${count(found.agent_messages)} by the agent`),
      fact("Tool calls", tools.length ? `${count(tools.length)}${tools.some((tool) => tool.error) ? `, ${plural(tools.filter((tool) => tool.error).length, "error")}` : ""}` : "none"),
      tokensOf(found.items) ? fact("Tokens", tokensOf(found.items)) : null,
      Object.entries(settings.about.filters).map(([name, label]) => fact(label, dimension[name](found[name])))));
}

function tokensOf(items) {
  const calls = items.filter((item) => item.type === "llm");
  const sum = (name) => calls.reduce((total, call) => total + call[name], 0);
  return calls.length ? `${count(sum("input_tokens"))} in, ${count(sum("output_tokens"))} out, ${plural(calls.length, "model call")}` : "";
}

function thread(items) {
  const shown = [];
  let day = null;
  let asked = null;
  for (const item of items) {
    const today = dayOf(item.timestamp, zone());
    if (today !== day) shown.push(h("li", { class: "day" }, day = today));
    let waited = null;
    if (item.type === "message" && item.sender === "end_user") asked ??= new Date(item.timestamp);
    else if (item.type === "message" && asked !== null) {
      waited = (new Date(item.timestamp) - asked) / 1000;
      asked = null;
    }
    const drawn = KINDS[item.type]?.(item, waited);
    if (drawn) shown.push(drawn);
  }
  return shown.length ? shown : h("li", { class: "event" }, "Nothing is kept of this conversation but its figures.");
}

/** The way to what a long conversation goes on with. */
function rest(found) {
  if (!found.next) return null;
  return h("li", { class: "event" }, h("a", { href: () => linkInList("/conversation", { id: found.conversation_id, since: found.next }) }, "Show what follows"), "; an export has all of it.");
}

const block = (title, text) => [h("div", { class: "block-head" }, h("h3", null, title), copyButton(text, `Copy: ${title.toLowerCase()}`)), h("pre", { tabindex: "0" }, text)];
const at = (item) => h("time", { datetime: item.timestamp }, clock(item.timestamp, zone()));
const event = (item, ...said) => h("li", { class: "event" }, ...said, " ", at(item));

const KINDS = {
  message: (item, waited) => h("li", { "data-key": item.span_id, class: `message ${item.sender === "agent" ? "agent" : "user"}` },
    h("p", { class: "meta" }, h("strong", null, item.sender === "agent" ? "Agent" : "User"), " ", at(item), waited === null ? null : h("span", { class: "tag", "data-tip": "Response time\nFrom the user's first unanswered message to this one" }, `after ${seconds(waited)}`),
      item.content ? copyButton(item.content, item.sender === "agent" ? "Copy: the agent's message" : "Copy: the user's message") : null),
    h("div", { class: "bubble", dir: "auto" }, item.content || h("em", { class: "quiet" }, "no text was recorded"))),
  tool: (item) => h("li", { class: `tool ${item.error ? "failed" : ""}` }, h("details", { "data-key": item.span_id },
    h("summary", null, h("span", { class: "chevron", "aria-hidden": "true" }, "›"), h("span", { class: "gear", "aria-hidden": "true" }, "⚙"), h("strong", null, h("bdi", null, item.tool)), item.error ? h("span", { class: "tag bad" }, item.error_type && item.error_type !== "_OTHER" ? item.error_type : "failed") : null, h("span", { class: "fill" }), h("span", { class: "duration" }, seconds(item.duration_s)), at(item)),
    item.arguments ? block("Arguments", pretty(item.arguments)) : null,
    item.result ? block("Result", pretty(item.result)) : null,
    item.arguments || item.result ? null : h("p", { class: "quiet" }, "No arguments and no result were recorded."))),
  feedback: (item) => h("li", { class: "event" }, h("span", { class: `tag ${{ positive: "good", negative: "bad" }[item.sentiment] ?? ""}` }, `${item.sentiment || "no"} feedback`), item.source === "platform" ? " by the platform" : null, item.comment ? [" ", h("q", null, h("bdi", null, item.comment))] : null, " ", at(item)),
  turn: (item) => (item.incomplete_reason ? event(item, h("span", { class: "tag warn" }, `turn not completed: ${item.incomplete_reason}`)) : null),
  llm: (item) => h("li", { class: "event", "data-key": item.span_id }, "Model ", h("bdi", null, item.model || item.span_name), `, ${seconds(item.duration_s)}`, item.input_tokens || item.output_tokens ? `, ${count(item.input_tokens)} → ${count(item.output_tokens)} tokens` : "", item.error ? h("span", { class: "tag bad" }, "error") : null, " ", at(item)),
  task: (item) => event(item, "Task ", h("bdi", null, item.span_name), `, ${seconds(item.duration_s)}`),
  button: (item) => event(item, "Button pressed", item.button_label ? [": ", h("bdi", null, item.button_label)] : null),
  attachment: (item) => event(item, item.attachment_sender === "agent" ? "Files from the agent" : "Files from the user", files(item.files)),
  conversation: (item) => ({ conversation_opened: event(item, "Chat opened"), conversation_started: event(item, "Conversation started"), conversation_ended: event(item, "Conversation ended") })[item.span_name] ?? null,
};

function files(text) {
  try {
    const named = JSON.parse(text).map((file) => file.filename ?? file.name).filter(Boolean);
    return named.length ? [": ", h("bdi", null, named.join(", "))] : null;
  } catch {
    return null;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
