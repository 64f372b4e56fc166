// The spans of a conversation, each under its parent, against the time of the turn that they are of.

import { h } from "./dom.js";
import { clock, count, plural, seconds } from "./format.js";
import { settings, zone } from "./state.js";

const KINDS = { turn: "turn", tool: "tool call", llm: "model call", task: "task", button: "button", attachment: "attachment", feedback: "feedback", conversation: "conversation", agent: "agent", chain: "chain" };
const DEEPEST = 8;

/** Trees of spans: those without a parent here, in time, each with its children. */
function trees(spans) {
  const nodes = new Map(spans.map((span) => [span.span_id, { ...span, end_ms: span.start_ms + span.duration_ms, children: [] }]));
  const roots = [];
  for (const node of nodes.values()) {
    const parent = nodes.get(node.parent_id);
    (parent && !above(nodes, parent, node) ? parent.children : roots).push(node);
  }
  // What opens a conversation may share its instant with its first turn.
  return roots.sort((one, other) => Math.floor(one.start_ms) - Math.floor(other.start_ms) || (other.kind === "conversation") - (one.kind === "conversation"));
}

/** Whether a span is its own ancestor: ids can be anything. */
function above(nodes, node, sought) {
  const seen = new Set();
  for (let at = node; at && !seen.has(at); at = nodes.get(at.parent_id)) {
    if (at === sought) return true;
    seen.add(at);
  }
  return false;
}

const all = (node) => [node, ...node.children.flatMap(all)];

function tokens(span) {
  return span.input_tokens || span.output_tokens ? `${count(span.input_tokens)} → ${count(span.output_tokens)} tokens` : "";
}

function row(node, depth, from, length, jump) {
  const start = length ? ((node.start_ms - from) / length) * 100 : 0;
  const width = length ? (node.duration_ms / length) * 100 : 0;
  const facts = [KINDS[node.kind] ?? "span", node.service, node.model, tokens(node), node.error ? `failed${node.status_message ? `: ${node.status_message}` : ""}` : ""].filter(Boolean);
  const line = h("button", { type: "button", class: `span of-${node.kind || "other"}${node.error ? " failed" : ""}`, onclick: () => jump(node.span_id), "data-tip": [node.name, ...facts, `${seconds((node.start_ms - from) / 1000)} in, for ${seconds(node.duration_ms / 1000)}`].join("\n"), style: { "--depth": Math.min(depth, DEEPEST), "--from": `${Math.min(Math.max(start, 0), 99.5)}%`, "--long": `${Math.min(Math.max(width, 0.5), 100)}%` } },
    h("span", { class: "span-name" }, h("bdi", null, node.name), node.kind === "llm" && tokens(node) ? h("span", { class: "quiet" }, ` ${tokens(node)}`) : null),
    h("span", { class: "span-time" }, h("span", { class: "unseen" }, `, ${facts.join(", ")}, `), seconds(node.duration_ms / 1000)),
    h("span", { class: "track", "aria-hidden": "true" }, h("i")));
  return h("li", null, line, node.children.length ? h("ol", null, node.children.map((child) => row(child, depth + 1, from, length, jump))) : null);
}

/**
 * @param {object[]} spans as the API gives them
 * @param {(spanId: string) => void} jump shows what a span is in the transcript
 */
export function waterfall(spans, jump) {
  if (!spans.length) return h("p", { class: "nothing" }, "No span is kept of this conversation.");
  const groups = trees(spans).map((root) => {
    const members = all(root);
    const from = Math.min(...members.map((node) => node.start_ms));
    const length = Math.max(...members.map((node) => node.end_ms)) - from;
    const at = new Date(root.start_ms).toISOString();
    return h("li", { class: "root" }, h("time", { datetime: at, class: "quiet" }, clock(at, zone())), h("ol", null, row(root, 0, from, length, jump)));
  });
  const total = spans[0].total;
  return [h("ol", { class: "waterfall", "aria-label": "Spans, each under its parent" }, groups),
    total > spans.length ? h("p", { class: "quiet" }, `The first ${count(settings.about.most_spans)} of ${plural(total, "span")}.`) : null];
}
