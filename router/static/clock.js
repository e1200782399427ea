// Times as people read them, by the server's clock: the browser's may be wrong.
let ahead = 0;

export function setServerTime(epochSeconds) {
  if (epochSeconds > 0) ahead = epochSeconds * 1000 - Date.now();
}

export function serverNow() {
  return (Date.now() + ahead) / 1000;
}

export function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 259200) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// Rewrite the times under a node: how long ago they are, or how long until they come.
export function closeTo(node) {
  const now = serverNow();
  for (const time of node.querySelectorAll("time[data-ago], time[data-until]")) {
    const at = Date.parse(time.dateTime) / 1000;
    if (time.title === "") time.title = time.textContent;
    time.textContent = words(at - now, "until" in time.dataset);
  }
}

function words(left, isUntil) {
  if (isUntil && left > 0) return `in ${duration(left)}`;
  if (isUntil) return "at any moment";
  return `${duration(Math.max(0, -left))} ago`;
}

export function startClock() {
  const at = document.body.dataset;
  // A past page shows how long ago acts were from its own moment.
  setServerTime(Number(at.now));
  closeTo(document);
  setInterval(() => closeTo(document), 1000);
}
