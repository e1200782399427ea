// The entry of the page: shows what the server rendered, then keeps it fresh.
import { closeTo, startClock } from "./clock.js";
import { showCharts } from "./charts.js";
import { startConnection } from "./connection.js";
import { prepareActs } from "./acts.js";
import { prepareSession, showCaller } from "./session.js";
import { morph } from "./morph.js";
import { LivePoll } from "./live.js";

const page = document.body.dataset;
const connection = startConnection(page);

function show(snapshot) {
  for (const [name, html] of Object.entries(snapshot.sections)) {
    const section = document.getElementById(name);
    if (section !== null) morph(section, html);
  }
  showCharts(snapshot);
  closeTo(document);
  if (snapshot.assets !== page.assets) connection.upgraded();
}

const poll = new LivePoll({
  address: `live?span=${page.span}${page.at === "" ? "" : `&at=${encodeURIComponent(page.at)}`}`,
  once: page.at !== "",
  onSnapshot: show,
  onAnswer: (facts) => { connection.answered(facts); showCaller(facts); },
  onLost: connection.lost,
  onRefused: connection.refused,
});

prepareSession(() => poll.soon());
prepareActs(page, () => poll.soon());
startClock();
poll.start();
