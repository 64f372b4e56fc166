// Asks for the overview's figures while the modules are still on their way; lines() in state.js takes the answer.

if (location.pathname === "/") {
  const asked = new URLSearchParams(location.search);
  if (!asked.get("timezone")) asked.set("timezone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const url = `/api/overview?${asked}`;
  const stop = new AbortController();
  window.ahead = { url, stop, answer: fetch(url, { signal: stop.signal }) };
  window.ahead.answer.catch(() => { /* whoever takes it says so */ });
}
