// Keeps the live parts of a page as the server has them: loads the page again, and replaces the parts that differ. The
// page is not reloaded, ticks and the focus stay. What is typed is outside of live parts.
const liveState = document.querySelector("#live-state");
const pace = document.querySelector("[data-every]");
let lastUpdate = new Date();
// A session ends after an hour idle. A page that nobody looks at must not keep it alive.
const AWAKE = 15 * 60 * 1000;
let lastTouch = Date.now();
for (const kind of ["pointerdown", "pointermove", "keydown", "scroll"]) {
  addEventListener(kind, () => { lastTouch = Date.now(); }, { passive: true });
}
const shownParts = new WeakMap();

const say = (text, link) => {
  if (liveState === null) return;
  liveState.replaceChildren(text);
  if (link) {
    const way = document.createElement("a");
    way.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
    way.textContent = "Sign in";
    liveState.append(" ", way);
  }
  liveState.hidden = text === "";
};
const wayTo = (element) => {
  if (element.id) return `#${CSS.escape(element.id)}`;
  if (element.name) return `[name="${CSS.escape(element.name)}"][value="${CSS.escape(element.value)}"]`;
  return element.getAttribute("href") ? `a[href="${CSS.escape(element.getAttribute("href"))}"]` : null;
};
const replace = (part, fresh) => {
  if (shownParts.get(part) === fresh.innerHTML) return;
  const focus = part.contains(document.activeElement) ? wayTo(document.activeElement) : null;
  const ticked = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
  const opened = [...part.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);
  shownParts.set(part, fresh.innerHTML);
  part.replaceChildren(...fresh.childNodes);
  for (const box of part.querySelectorAll("input[type=checkbox]")) box.checked ||= ticked.has(box.value);
  for (const summary of part.querySelectorAll("details > summary")) summary.parentNode.open ||= opened.includes(summary.textContent);
  localTimes(part);
  sortable(part);
  selectable(document);
  if (focus) part.querySelector(focus)?.focus({ preventScroll: true });
};
const look = async () => {
  const every = Number(document.querySelector("[data-every]")?.dataset.every ?? 0) * 1000;
  if (every === 0) return;
  if (Date.now() - lastTouch > AWAKE) say(`Not live: paused while you are away. Last update ${lastUpdate.toLocaleTimeString("en-GB")}.`);
  else if (!document.hidden) {
    const answer = await fetch(location.href, { headers: { accept: "text/html", "clawback-live": "1" } }).catch(() => null);
    const at = lastUpdate.toLocaleTimeString("en-GB");
    if (answer === null) say(`Not live: the connection is lost. Last update ${at}.`);
    else if (answer.redirected && new URL(answer.url).pathname === "/sign-in") say(`Not live: you are signed out. Last update ${at}.`, true);
    else if (!answer.ok) say(`Not live: the server answers with an error. Last update ${at}.`);
    else {
      // Escaped by the server, like the page itself; no script of a parsed document runs.
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of document.querySelectorAll("[data-live][id]")) {
        const other = fresh.getElementById(part.id);
        if (other === null) continue;
        if (other.dataset.every !== undefined) part.dataset.every = other.dataset.every;
        replace(part, other);
      }
      document.title = fresh.title;
      lastUpdate = new Date();
      say("");
    }
  }
  setTimeout(look, every);
};
if (pace !== null && Number(pace.dataset.every) > 0) setTimeout(look, Number(pace.dataset.every) * 1000);
// The result of the last request is said once.
if (/[?&](submitted|done)=/.test(location.search)) {
  const address = new URL(location.href);
  for (const name of ["submitted", "done", "many"]) address.searchParams.delete(name);
  history.replaceState(null, "", address);
}
