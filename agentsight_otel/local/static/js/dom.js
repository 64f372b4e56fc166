// Builds elements. Whatever comes from a conversation goes in as text or as an attribute's value, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function" && name === "href") {
      element.hrefNow = value;
      element.dataset.link = "";
      element.setAttribute("href", value());
    } else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const byId = (id) => document.getElementById(id);

/** Makes every link that was given as a function anew: what is on the screen leads to where the URL now says. */
export function refreshLinks() {
  for (const element of document.querySelectorAll("[data-link]")) element.setAttribute("href", element.hrefNow());
}

/** A button that copies a text. */
export function copyButton(text, label, shown = "Copy") {
  const button = h("button", { type: "button", class: "text copy", "aria-label": label, onclick: async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    announce(button.textContent);
    setTimeout(() => { button.textContent = shown; }, 2000);
  } }, shown);
  return button;
}

/** Replaces what an element holds. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function announce(text) {
  byId("announce").textContent = text;
}

/** One tooltip for all: elements say with data-tip what it shows, on hover and on focus. */
export function startTips() {
  const tip = byId("tip");
  let on = null;
  const place = () => {
    const box = on?.isConnected ? on.getBoundingClientRect() : null;
    tip.hidden = !box || box.bottom < 0 || box.top > innerHeight;
    if (tip.hidden) return;
    const left = Math.min(Math.max(8, box.left + box.width / 2 - tip.offsetWidth / 2), innerWidth - tip.offsetWidth - 8);
    const above = box.top - tip.offsetHeight - 8;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 8 ? Math.min(box.bottom + 8, innerHeight - tip.offsetHeight - 8) : above}px`;
  };
  const show = (event) => {
    on = event.target.closest?.("[data-tip]");
    if (on) put(tip, ...on.dataset.tip.split("\n").map((line, index) => h(index ? "span" : "strong", null, line)));
    place();
  };
  addEventListener("mouseover", show);
  addEventListener("focusin", show);
  addEventListener("scroll", place, { passive: true, capture: true });
  addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
}

/**
 * One tab stop for many things: arrows move among them.
 * @param {Element[][]} rows as they lie on the screen
 */
export function roving(rows) {
  const all = rows.flat();
  all.forEach((element, index) => element.setAttribute("tabindex", index ? "-1" : "0"));
  const places = new Map();
  rows.forEach((row, y) => row.forEach((element, x) => places.set(element, [x, y])));
  return (event) => {
    const place = places.get(event.target.closest("[tabindex]"));
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!place || !step) return;
    const next = rows[place[1] + step[1]]?.[place[0] + step[0]];
    if (!next) return;
    event.preventDefault();
    all.forEach((element) => element.setAttribute("tabindex", "-1"));
    next.setAttribute("tabindex", "0");
    next.focus();
  };
}
