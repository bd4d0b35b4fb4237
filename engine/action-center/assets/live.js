// Refreshes the live parts of a page, and ticks all boxes at once. Every page works without it.
"use strict";

for (const part of document.querySelectorAll("[data-live]")) {
  const look = async () => {
    const answer = await fetch(part.dataset.live, { headers: { accept: "text/html" } }).catch(() => null);
    if (answer === null || !answer.ok || answer.redirected) {
      setTimeout(look, 5000);
      return;
    }
    // Escaped by the server, like the page itself; the content security policy lets no script in it run.
    part.innerHTML = await answer.text();
    if (answer.headers.get("x-more") === "yes") {
      setTimeout(look, 1000);
    } else if (part.dataset.more === "yes") {
      location.reload();
    }
  };
  if (part.dataset.more === "yes") setTimeout(look, 1000);
}

for (const box of document.querySelectorAll("[data-all]")) {
  box.hidden = false;
  box.addEventListener("change", () => {
    for (const other of document.querySelectorAll(`input[type=checkbox][name="${box.dataset.all}"]`)) {
      other.checked = box.checked;
    }
  });
}
