// Acts: a button asks for confirmation and shows the command that does the same.
import { explained } from "./problem.js";
import { askForToken } from "./session.js";

export function prepareActs(page, onDone) {
  const part = (name) => document.getElementById(`act-${name}`);
  const dialog = part("dialog");
  let asked = {};

  // The buttons are rendered anew with each snapshot, so the page listens.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button === null) return;
    asked = { ...button.dataset };
    part("title").textContent = `${asked.title}?`;
    part("effect").textContent = asked.effect;
    part("confirm").textContent = page.role === "operator" ? asked.title : "Sign in to do it here";
    part("confirm").classList.toggle("danger", asked.act === "rollback");
    part("refused").textContent = "";
    part("reason").value = "";
    showCommand();
    dialog.showModal();
    part("reason").focus();
  });

  function showCommand() {
    const reason = part("reason").value.trim();
    part("command").textContent = reason === "" ? asked.command : `${asked.command} -m ${quoted(reason)}`;
  }

  part("reason").addEventListener("input", showCommand);
  part("cancel").addEventListener("click", () => dialog.close());
  part("copy").addEventListener("click", () => navigator.clipboard?.writeText(part("command").textContent));
  dialog.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (page.role !== "operator") {
      dialog.close();
      askForToken();
      return;
    }
    part("confirm").disabled = true;
    try {
      const done = await act(asked, part("reason").value.trim());
      dialog.close();
      say(`${done.summary || done.act}. ${done.undo ? `To undo it: ${done.undo}` : ""}`);
      onDone();
    } catch (error) {
      part("refused").textContent = error.message;
    } finally {
      part("confirm").disabled = false;
    }
  });
}

async function act({ act: name, revision }, reason) {
  // A rollback names no revision: nothing that somebody did meanwhile is before it.
  const body = revision === "" ? { reason } : { reason, revision: Number(revision) };
  const answer = await fetch(`acts/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await explained(answer));
  return answer.json();
}

function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  said.classList.remove("unseen");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.classList.add("unseen"), 12000);
}

// As a shell wants it.
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}
