// Counts what is ticked, says it on the buttons, and chooses the ticked messages when one is ticked.
const picks = (form) => [...form.querySelectorAll("input[type=checkbox][name=pick]")];
const plural = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;
// How many may be selected, where there is a limit.
const limit = (form) => {
  const most = form.querySelector("[data-act]")?.dataset.most;
  return most ? ` of at most ${most}` : "";
};
const refreshSelection = (form) => {
  const boxes = picks(form);
  const ticked = boxes.filter((box) => box.checked).length;
  for (const all of form.querySelectorAll("[data-all]")) {
    all.hidden = boxes.length === 0;
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  for (const place of form.querySelectorAll("[data-selected]")) place.textContent = `${ticked.toLocaleString("en")} selected${limit(form)}`;
  for (const button of form.querySelectorAll("[data-per-selected]")) {
    button.disabled = ticked === 0;
    button.textContent = ticked > 1 ? `${button.dataset.perSelected} ${ticked}` : button.dataset.perSelected;
  }
  const act = form.querySelector("[data-act]");
  // While nothing is ticked the bar does not stay in view, where it would cover rows.
  for (const bar of form.querySelectorAll("[data-selection]")) bar.toggleAttribute("data-none", ticked === 0 && !act);
  if (act) {
    const mode = form.querySelector("input[name=mode]:checked")?.value;
    const total = Number(act.dataset.total);
    const number = mode === "query" ? total : mode === "handpicked" ? ticked : total - ticked;
    const chosen = form.querySelector("select[name=action]").selectedOptions[0].textContent;
    const verb = chosen.replace(/^(Soft|Hard) delete$/, "$1-delete");
    const most = Number(act.dataset.most ?? Infinity);
    const isTooMany = mode !== "query" && ticked > most;
    act.disabled = number === 0 || isTooMany;
    const place = /^Move /.test(verb) ? verb.replace("Move", `Move ${plural(number, "message")}`) : `${verb} ${plural(number, "message")}`;
    act.textContent = isTooMany ? `${ticked.toLocaleString("en")} selected; at most ${most}` : number === 0 ? "Select messages" : place;
  }
};
const selectable = (root) => {
  for (const form of root.querySelectorAll("form:has(input[name=pick]), form:has([data-act])")) {
    if (!("watched" in form.dataset)) {
      form.dataset.watched = "";
      form.addEventListener("change", (event) => {
        const box = event.target;
        if (box.dataset.all !== undefined) for (const other of picks(form)) other.checked = box.checked;
        const isTick = box.name === "pick" || box.dataset.all !== undefined;
        const all = form.querySelector("input[name=mode][value=query]");
        // What is ticked is what is meant: "all" and ticks at once are a contradiction.
        if (isTick && box.checked && all?.checked) form.querySelector("input[name=mode][value=handpicked]").checked = true;
        if (box.name === "mode" && box.value === "query") for (const other of picks(form)) other.checked = false;
        refreshSelection(form);
      });
    }
    refreshSelection(form);
  }
};
selectable(document);
addEventListener("pageshow", () => selectable(document));
for (const menu of document.querySelectorAll("details.menu")) {
  addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  menu.addEventListener("keydown", (event) => { if (event.key === "Escape") { menu.open = false; menu.firstElementChild.focus(); } });
}
