// Shows times in the reader's zone; UTC stays on hover. Without a script they are in UTC.
const localTimes = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const isBrief = "brief" in time.dataset;
    const isThisYear = at.getFullYear() === new Date().getFullYear();
    const date = at.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...(!(isBrief && isThisYear) && { year: "numeric" }) });
    const clock = { hour: "2-digit", minute: "2-digit", ...("seconds" in time.dataset && { second: "2-digit" }) };
    time.textContent = isBrief && !isThisYear ? date : `${date}, ${at.toLocaleTimeString("en-GB", clock)}`;
    time.dataset.local = "";
  }
};
document.documentElement.classList.add("scripted");
localTimes(document);
for (const zone of document.querySelectorAll("[data-zone]")) {
  zone.textContent = `Times: ${Intl.DateTimeFormat().resolvedOptions().timeZone}. UTC on hover.`;
}
