// The sign-in page: says in place why a token was refused. Without this script the form works all the same.
const form = document.querySelector("form");
const refused = document.getElementById("refused");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  refused.textContent = "";
  const token = document.getElementById("token").value.trim();
  const answer = await fetch("session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
  if (answer.ok) {
    location.reload();
    return;
  }
  const problem = await answer.json().catch(() => ({}));
  refused.textContent = problem.detail ?? `the router answered ${answer.status}`;
});
