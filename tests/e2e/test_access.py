"""Colleagues with tokens of their own, on a whole stack: they look, act, and lose access."""

import httpx
import pytest

from tests.e2e.stack_harness import StackHarness
from tests.router.access.named_tokens import Browser


def add(stack: StackHarness, name: str, role: str) -> dict[str, str]:
    """Make a token; returns the header that shows it."""
    made = stack.run("tokens", "add", name, "--role", role, "--json").json
    return {"Authorization": f"Bearer {made['token']}"}


@pytest.fixture
def nobody_has_one(shared_stack):
    """The module's stack without named tokens."""
    path = shared_stack.folder / "var" / "secrets" / "tokens.json"
    path.unlink(missing_ok=True)
    return shared_stack


def test_a_colleague_promotes_from_the_page_and_the_history_has_the_name(nobody_has_one):
    stack = nobody_has_one
    bob = Browser(stack.url)
    token = add(stack, "bob", "operator")["Authorization"].removeprefix("Bearer ")
    assert bob.post("/session", json={"token": token}).json()["role"] == "operator"
    stack.run("canary", "v2", "--steps", "10,50")
    stack.wait_until_followed()
    seen = bob.get("/status").json()["revision"]
    step = bob.post("/acts/step", json={"revision": seen, "reason": "looks good"})
    # The running version was asked for its golden rows again.
    assert step.status_code == 200, step.text
    assert step.json()["summary"] == "v2 answers 50 %"
    history = stack.run("history", "-n", "1").out
    assert "bob" in history
    assert "looks good" in history
    stack.wait_until_followed()
    assert bob.post("/acts/promote", json={"revision": seen + 1}).json()["summary"] == "v2 released"
    undone = bob.post("/acts/rollback").json()
    assert (undone["summary"], undone["undo"]) == ("from v2 to v1", "python deploy.py promote v2")


def test_a_revoked_colleague_is_out_with_the_next_request(nobody_has_one):
    stack = nobody_has_one
    ana = add(stack, "ana", "viewer")
    listed = stack.run("tokens", "list").out
    assert "ana       viewer    made 20" in listed
    assert "worst" in httpx.get(f"{stack.url}/status", headers=ana).json()
    assert "the token of ana is revoked" in stack.run("tokens", "revoke", "ana").out
    assert "worst" not in httpx.get(f"{stack.url}/status", headers=ana).json()
    again = stack.run("tokens", "revoke", "ana", check=False)
    assert again.code == 1
    assert "ana has no token" in again.out


def test_a_broken_file_is_a_fault_that_the_doctor_tells(nobody_has_one):
    stack = nobody_has_one
    bob = add(stack, "bob", "operator")
    assert "✔ tokens: 0 viewers, 1 operator, beside the operator's own" in stack.run("doctor").out
    path = stack.folder / "var" / "secrets" / "tokens.json"
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_text()
    path.write_text(whole[:-5])
    assert httpx.post(f"{stack.url}/acts/rollback", headers=bob).status_code == 401
    sick = stack.run("doctor", check=False)
    assert sick.code == 1
    assert f"✖ tokens: {path}: it is not JSON" in sick.out
    assert f"{path}: it is not JSON" in (stack.folder / "var" / "log" / "router.log").read_text()
    path.write_text(whole)
    assert httpx.post(f"{stack.url}/acts/rollback", headers=bob).status_code == 409
