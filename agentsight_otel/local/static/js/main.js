// Which page, and when it is asked again.

import { announce, byId, h, put, startTips } from "./dom.js";
import { setFacets, showControls, startControls } from "./controls.js";
import { loadList, showList } from "./conversations.js";
import { loadOverview, showOverview } from "./overview.js";
import { get, go, link, onNavigate, settings } from "./state.js";
import { loadTranscript, showTranscript } from "./transcript.js";

const LOOK_EVERY_MS = 2000;
const REFRESH_AT_LEAST_MS = 60_000;

const PAGES = {
  "/": { title: "AgentSight", show: showOverview, load: loadOverview },
  "/conversations": { title: "Conversations · AgentSight", show: showList, load: loadList },
  "/conversation": { title: "Conversation · AgentSight", show: showTranscript, load: loadTranscript },
};

const main = byId("main");
const page = () => PAGES[location.pathname] ?? PAGES["/"];
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
    problem(error.message);
  } finally {
    if (loading === mine) {
      document.body.classList.remove("loading");
      tookMs = performance.now() - began;
      loadedAt = performance.now();
      loading = null;
    }
  }
}

function problem(text) {
  byId("problem")?.remove();
  main.prepend(h("p", { id: "problem", class: "message bad", role: "alert" }, text, " ", h("button", { type: "button", class: "text", onclick: load }, "Try again")));
}

function navigate() {
  const { title, show } = page();
  document.title = title;
  const moved = shown !== location.pathname;
  shown = location.pathname;
  showControls(location.pathname === "/conversation");
  for (const anchor of document.querySelectorAll("[data-nav]")) {
    anchor.href = link(anchor.dataset.nav);
    const here = anchor.dataset.nav === location.pathname || (anchor.dataset.nav === "/conversations" && location.pathname === "/conversation");
    here && anchor.closest("nav") ? anchor.setAttribute("aria-current", "page") : anchor.removeAttribute("aria-current");
  }
  if (moved || location.pathname !== "/") show(main);
  else document.body.classList.add("stale");
  if (moved) {
    scrollTo(0, 0);
    announce(document.title);
  }
  load().finally(() => document.body.classList.remove("stale"));
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
      if (!loading && ((news && since > 4 * tookMs) || since > REFRESH_AT_LEAST_MS)) {
        settings.revision = now;
        await load();
      }
      byId("live").classList.remove("lost");
    } catch {
      byId("live").classList.add("lost");
    }
  }
  setTimeout(look, LOOK_EVERY_MS);
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
  onNavigate(navigate);
  addEventListener("popstate", navigate);
  document.addEventListener("click", follow);
  navigate();
  setTimeout(look, LOOK_EVERY_MS);
}

start();
