// Before the first paint: the theme that was chosen here last, else the system's.
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("agentsight-theme"); } catch { /* storage may be off */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
