// Keyboard shortcuts: the page /help lists them. They do nothing while a field has the focus, or with Ctrl, Alt or Meta.
let gAt = 0;
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  const isAfterG = performance.now() - gAt < 1500;
  gAt = 0;
  const section = isAfterG ? document.querySelector(`nav a[data-key="${CSS.escape(event.key)}"]`) : null;
  if (section) {
    section.click();
  } else if (event.key === "g") {
    gAt = performance.now();
  } else if (event.key === "?") {
    location.assign("/help");
  } else if (event.key === "/") {
    const field = document.querySelector("main form input:not([type=hidden], [type=checkbox], [type=radio], [type=file])");
    field?.closest("details")?.setAttribute("open", "");
    field?.focus();
    event.preventDefault();
  }
});
