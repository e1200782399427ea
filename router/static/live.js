// Polls the snapshot: each second while the tab is seen, each ten while it is hidden; nothing is held open.
import { setServerTime } from "./clock.js";

const SEEN_MS = 1000;
const HIDDEN_MS = 10000;
const GIVE_UP_MS = 8000;
const LONGEST_WAIT_MS = 15000;

export class LivePoll {
  // once: a past moment does not change. onLost is called with the milliseconds until the next try.
  constructor({ address, once, onSnapshot, onAnswer, onLost, onRefused }) {
    Object.assign(this, { address, once, onSnapshot, onAnswer, onLost, onRefused });
    this.etag = "";
    this.failures = 0;
    this.timer = 0;
    this.asking = false;
  }

  start() {
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.soon(); });
    window.addEventListener("online", () => this.soon());
    this.soon();
  }

  soon() {
    clearTimeout(this.timer);
    this.ask();
  }

  async ask() {
    if (this.asking) return;
    this.asking = true;
    let wait = document.hidden ? HIDDEN_MS : SEEN_MS;
    try {
      wait = await this.answered(await this.fetched()) ?? wait;
    } catch (error) {
      wait = this.waitAfterFailure();
      this.onLost(wait, error);
    } finally {
      this.asking = false;
    }
    if (wait !== Infinity) this.timer = setTimeout(() => this.ask(), wait);
  }

  fetched() {
    const headers = this.etag === "" ? {} : { "If-None-Match": this.etag };
    // Not the browser's cache: the condition is the page's own.
    return fetch(this.address, { headers, cache: "no-store", signal: AbortSignal.timeout(GIVE_UP_MS) });
  }

  // Returns how long to wait, undefined for the usual time.
  async answered(answer) {
    if (answer.status === 401 || answer.status === 403) {
      this.onRefused();
      return Infinity;
    }
    if (answer.status !== 200 && answer.status !== 304) throw new Error(`the router answered ${answer.status}`);

    setServerTime(Number(answer.headers.get("X-Now")));
    const snapshot = answer.status === 200 ? await answer.json() : null;
    if (this.etag !== "" || snapshot !== null) this.failures = 0;
    this.onAnswer({
      countedAt: Number(answer.headers.get("X-Counted-At") ?? NaN),
      role: answer.headers.get("X-Role") ?? "",
      name: answer.headers.get("X-Name") ?? "",
    });
    if (snapshot !== null) {
      this.etag = answer.headers.get("ETag") ?? "";
      this.onSnapshot(snapshot);
    }
    return this.once ? Infinity : undefined;
  }

  // Twice as long each time, and by chance, so that not all tabs come back at the same moment.
  waitAfterFailure() {
    this.failures += 1;
    const longest = Math.min(LONGEST_WAIT_MS, SEEN_MS * 2 ** (this.failures - 1));
    return longest * (0.5 + Math.random() / 2);
  }
}
