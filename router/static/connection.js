// Says how fresh the page is: loading, live, stale, lost, signed out, or older than the router.
import { duration, serverNow } from "./clock.js";

const STALE_S = 30;

export function startConnection(page) {
  const banner = document.getElementById("banner");
  const words = document.getElementById("fresh-words");
  const state = { kind: "loading", answeredAt: null, countedAt: NaN, nextTry: 0, upgraded: false };

  function set(kind) {
    state.kind = kind;
    page.state = kind;
    render();
  }

  function render() {
    words.textContent = freshness(state, page);
    const text = warning(state);
    banner.hidden = text === "";
    if (banner.dataset.text !== text) {
      banner.dataset.text = text;
      banner.replaceChildren(text);
      if (text !== "" && state.kind !== "lost") banner.append(" ", reloadButton());
    }
  }

  setInterval(render, 1000);
  return {
    answered({ countedAt }) {
      Object.assign(state, { answeredAt: serverNow(), countedAt });
      set(page.at === "" && serverNow() - countedAt > STALE_S ? "stale" : "live");
    },
    lost(wait) {
      state.nextTry = Date.now() + wait;
      set("lost");
    },
    refused() { set("signed-out"); },
    upgraded() { state.upgraded = true; render(); },
  };
}

function freshness(state, page) {
  if (state.kind === "loading") return "loading";
  if (state.kind === "signed-out") return "signed out";
  if (state.kind === "lost") return "no connection";
  if (page.at !== "") return "a past moment";
  const age = serverNow() - state.countedAt;
  if (Number.isNaN(age)) return "live, charts without data";
  return `live, charts of ${duration(Math.max(0, age))} ago`;
}

function warning(state) {
  if (state.kind === "signed-out") return "You are signed out: the numbers below do not change any more. Sign in again.";
  if (state.upgraded) return "The router is of another Sluice than this page now: load the page again.";
  if (state.kind !== "lost") return "";
  const since = state.answeredAt === null ? "" : ` The numbers are ${duration(serverNow() - state.answeredAt)} old.`;
  const left = Math.max(0, state.nextTry - Date.now());
  return `The router does not answer.${since} Next try ${left < 1000 ? "now" : `in ${duration(left / 1000)}`}.`;
}

function reloadButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Load again";
  button.addEventListener("click", () => location.reload());
  return button;
}
