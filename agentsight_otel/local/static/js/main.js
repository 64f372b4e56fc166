// Which page, and when it is asked again.

import { announce, byId, h, put, refreshLinks, startTips } from "./dom.js";
import { drawForPaper } from "./charts.js";
import { setFacets, showControls, startControls } from "./controls.js";
import { loadList, showList } from "./conversations.js";
import { clock } from "./format.js";
import { dimOverview, loadOverview, showOverview } from "./overview.js";
import { browserZone, changed, get, go, link, onNavigate, settings, unknownParameters } from "./state.js";
import { loadTranscript, showTranscript } from "./transcript.js";

const LIVE_TIP = "Shows new conversations as they come";
const LOOK_EVERY_MS = 2000;
const REFRESH_AT_LEAST_MS = 60_000;

const PAGES = {
  "/": { title: "AgentSight", show: showOverview, load: loadOverview },
  "/conversations": { title: "Conversations · AgentSight", show: showList, load: loadList },
  "/conversation": { title: "Conversation · AgentSight", show: showTranscript, load: loadTranscript },
};

const NOWHERE = { title: "No such page · AgentSight", show: showNowhere, load: async () => {} };

const main = byId("main");
const page = () => PAGES[location.pathname] ?? NOWHERE;
let shown = null;
let loading = null;
let loadedAt = 0;
let tookMs = 0;

async function load() {
  loading?.abort();
  const mine = (loading = new AbortController());
  const began = performance.now();
  document.body.classList.add("loading");
  try {
    await page().load(mine.signal);
    byId("problem")?.remove();
    document.body.dataset.loaded = String(Number(document.body.dataset.loaded ?? 0) + 1);
  } catch (error) {
    if (mine.signal.aborted) return;
    const unreachable = error instanceof TypeError;
    if (unreachable) offline(true);
    problem(unreachable ? "The server does not answer: agentsight-otel up may have been stopped." : error.message);
  } finally {
    if (loading === mine) {
      document.body.classList.remove("loading");
      tookMs = performance.now() - began;
      loadedAt = performance.now();
      loading = null;
    }
  }
}

function showNowhere() {
  put(main, h("section", { class: "card empty" }, h("h1", null, "There is no such page"),
    h("p", null, "Nothing is at ", h("code", null, location.pathname), "."),
    h("p", null, h("a", { class: "back", href: () => link("/") }, "Overview"), " · ", h("a", { class: "back", href: () => link("/conversations") }, "Conversations"))));
}

/** Names what in the address means nothing here, rather than showing figures without it in silence. */
function nameUnknown() {
  const names = page() === NOWHERE ? [] : unknownParameters();
  put(byId("unknown"), names.length ? h("p", { class: "message warn", role: "status" },
    `Not understood in the address, and ignored: ${names.map((name) => name.slice(0, 60)).join(", ")}. `,
    h("button", { type: "button", class: "text", onclick: () => go(changed(Object.fromEntries(names.map((name) => [name, null]))), { replace: true }) }, "Remove")) : null);
}

function problem(text) {
  byId("problem")?.remove();
  byId("unknown").after(h("p", { id: "problem", class: "message bad", role: "alert" }, text, " ", h("button", { type: "button", class: "text", onclick: load }, "Try again")));
}

function navigate() {
  const { title, show } = page();
  document.title = title;
  const moved = shown !== location.pathname;
  shown = location.pathname;
  showControls(!["/", "/conversations"].includes(location.pathname));
  for (const anchor of document.querySelectorAll("[data-nav]")) {
    anchor.href = link(anchor.dataset.nav);
    const here = anchor.dataset.nav === location.pathname || (anchor.dataset.nav === "/conversations" && location.pathname === "/conversation");
    here && anchor.closest("nav") ? anchor.setAttribute("aria-current", "page") : anchor.removeAttribute("aria-current");
  }
  refreshLinks();
  nameUnknown();
  if (moved || location.pathname !== "/") show(main);
  else dimOverview();
  if (moved) {
    scrollTo(0, 0);
    announce(document.title);
  }
  load();
}

/** Whether links of charts lead to where the page is now: they are drawn anew with each load. */
function follow(event) {
  const anchor = event.target.closest?.("a[href]");
  if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const href = anchor.getAttribute("href");
  if (!href.startsWith("/") || href.startsWith("/api/")) return;
  event.preventDefault();
  go(href);
  if (shown !== "/" || anchor.closest("main")) main.focus({ preventScroll: true });
}

/** Looks whether spans have come, and asks again if so; the slower the answers, the less often. */
async function look() {
  const live = byId("live").getAttribute("aria-pressed") === "true";
  if (live && !document.hidden && !loading) {
    try {
      const { revision: now } = await get("/api/revision", new URLSearchParams());
      const since = performance.now() - loadedAt;
      const news = now !== settings.revision;
      const first = document.body.classList.contains("first-run") && now > 0;
      if (!loading && (first || (news && since > 4 * tookMs) || since > REFRESH_AT_LEAST_MS || offlineSince)) {
        settings.revision = now;
        await load();
      }
      offline(false);
    } catch {
      offline(true);
    }
  }
  setTimeout(look, LOOK_EVERY_MS);
}

let offlineSince = null;

/** Says that the server does not answer, and since when: what is on the screen is from before. */
function offline(is) {
  if (is === (offlineSince !== null)) return;
  offlineSince = is ? new Date() : null;
  const live = byId("live");
  live.classList.toggle("lost", is);
  byId("live-text").textContent = is ? `Offline since ${clock(offlineSince, browserZone()).slice(0, 5)}` : "Live";
  live.dataset.tip = is ? "The server does not answer\nWhat is shown is from before; it is asked again every two seconds" : LIVE_TIP;
  announce(is ? "The server does not answer" : "The server answers again");
}

/** For paper everything is unfolded, and folded again afterwards. */
function startPrinting() {
  let unfolded = [];
  addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("main details.more:not([open]), main .tool details:not([open]), main .trace-card:not([open])")];
    for (const each of unfolded) each.open = true;
    drawForPaper(true);
  });
  addEventListener("afterprint", () => {
    for (const each of unfolded) each.open = false;
    drawForPaper(false);
  });
}

function startButtons() {
  const live = byId("live");
  live.addEventListener("click", () => live.setAttribute("aria-pressed", String(live.getAttribute("aria-pressed") !== "true")));
  byId("print").addEventListener("click", () => print());
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("agentsight-theme", root.dataset.theme); } catch { /* storage may be off */ }
  });
}

async function start() {
  try {
    // The revision before the first figures: what comes between the two is then news. The overview's come with theirs.
    const asked = ["/api/about", ...(location.pathname === "/" ? [] : ["/api/revision"])];
    const [about, state] = await Promise.all(asked.map((path) => get(path, new URLSearchParams())));
    settings.about = about;
    if (state) settings.revision = state.revision;
  } catch (error) {
    put(main, h("p", { class: "message bad", role: "alert" }, error.message));
    return;
  }
  if (settings.about.label) put(byId("label"), settings.about.label).hidden = false;
  setFacets({});
  startTips();
  startControls();
  startButtons();
  startPrinting();
  document.addEventListener("figures-changed", load);
  onNavigate(navigate);
  addEventListener("popstate", navigate);
  document.addEventListener("click", follow);
  navigate();
  setTimeout(look, LOOK_EVERY_MS);
}

start();
