// Sorts the rows that a table shows by a press on the head of a column.
const sortKey = (cell) => {
  const time = cell?.querySelector("time");
  if (time) return time.dateTime;
  const text = cell?.textContent.trim() ?? "";
  const number = Number(text.replaceAll(",", ""));
  return text !== "" && !Number.isNaN(number) ? number : text.toLowerCase();
};
const compared = (one, other) => {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other));
};
const sortTable = (table, place, direction) => {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [sortKey(row.cells[place]), row]);
  rows.sort(([one], [other]) => direction * compared(one, other));
  body.append(...rows.map(([, row]) => row));
};
const sortable = (root) => {
  for (const table of root.querySelectorAll("table[data-sorts]:not([data-ready])")) {
    table.dataset.ready = "";
    for (const head of table.tHead.rows[0].cells) {
      if (head.querySelector(".unseen") || head.textContent.trim() === "") continue;
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort the rows of this page";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        sortTable(table, head.cellIndex, up ? 1 : -1);
      });
    }
  }
};
sortable(document);
