// Signs in and out. The token is sent once; the browser keeps a cookie that no script can read.
import { explained } from "./problem.js";

export function prepareSession(onChange) {
  const dialog = document.getElementById("sign-in-dialog");
  const token = document.getElementById("sign-in-token");
  const refused = document.getElementById("sign-in-refused");

  document.getElementById("sign-in").addEventListener("click", askForToken);
  document.getElementById("sign-in-cancel").addEventListener("click", () => dialog.close());
  document.getElementById("sign-out").addEventListener("click", async () => {
    await fetch("session", { method: "DELETE" });
    location.reload();
  });
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    refused.textContent = "";
    try {
      await signIn(token.value.trim());
      token.value = "";
      dialog.close();
      onChange();
    } catch (error) {
      refused.textContent = error.message;
      token.focus();
    }
  });
}

export function askForToken() {
  document.getElementById("sign-in-refused").textContent = "";
  document.getElementById("sign-in-dialog").showModal();
}

export async function signIn(token) {
  const answer = await fetch("session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (!answer.ok) throw new Error(await explained(answer));
  return answer.json();
}

// Show who is signed in, as the router's last answer says.
export function showCaller({ role, name }) {
  const page = document.body.dataset;
  if (page.role === role && page.name === name) return;
  Object.assign(page, { role, name });
  document.getElementById("who").textContent = name === "" ? "not signed in" : `${name} (${role})`;
  document.getElementById("sign-in").hidden = name !== "";
  document.getElementById("sign-out").hidden = name === "";
}
