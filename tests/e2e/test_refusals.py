"""Bad input and faults at the operator's door: a clear line, nothing half-done, the ledger
consistent.
"""

import base64
import signal
import sqlite3

import pytest

from tests.e2e.conftest import new_stack
from tests.until import until


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "v2"), "never been deployed"),
        (("canary", "v9"), "never been deployed"),
        (("deploy", "v9"), "v9"),
        (("canary", "v1", "--steps", "101"), "percentage"),
        (("canary", "v1", "--steps", "nan"), "percentage"),
        (("canary", "v1", "--steps", "50,20"), "grow"),
        (("shadow", "v1", "--percent", "-1"), "percentage"),
        (("rollback",), "nothing to roll back to"),
        (("abort",), "no rollout"),
        (("retire", "v1"), "v1 is released"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(shared, words, said):
    refused = shared.run(*words, check=False)
    assert refused.code in (1, 2), refused.out
    assert said in refused.out
    assert "Traceback" not in refused.out
    assert shared.status()["revision"] == 2


@pytest.fixture(scope="module")
def shared(delivered, tmp_path_factory):
    """One stack for refusals, which change nothing."""
    made = new_stack(delivered, tmp_path_factory.mktemp("refusals"))
    made.up("v1")
    yield made
    made.run("down")


def test_a_typo_in_the_models_name_ends_nothing_and_is_named(shared, tmp_path):
    config = tmp_path / "deploy.toml"
    config.write_text('model = "flihgts"\n')
    for words, code in ((("up",), 1), (("doctor",), 1), (("status",), 0)):
        said = shared.run(*words, check=False, SLUICE_CONFIG=str(config))
        assert "serves the model 'flights'" in said.out.replace("\n", " ").replace("  ", " "), (
            said.out
        )
        assert said.code == code, said.out

    assert shared.predict().status_code == 200


def test_another_port_than_the_one_it_runs_on_is_refused(shared):
    said = shared.run("up", "--port", "1", check=False)
    assert (said.code, f"the router runs at {shared.url}" in said.out) == (1, True)
    assert shared.predict().status_code == 200


def test_of_two_operators_at_once_one_wins_and_the_other_is_told(shared_stack):
    stack, before = shared_stack, shared_stack.ledger.revision
    both = [
        stack.start("canary", "v2", "--steps", steps, SLUICE_ACTOR=who)
        for steps, who in (("10", "bea"), ("20", "cid"))
    ]
    said = [(process.communicate(timeout=300)[0], process.returncode) for process in both]
    codes = sorted(code for _, code in said)
    if codes == [0, 1]:
        lost = next(out for out, code in said if code == 1)
        assert "bea" in lost or "cid" in lost
    else:
        # One was late enough to see the other's canary and to set it anew: both acts are in the
        # history.
        assert codes == [0, 0]
        assert stack.ledger.revision == before + 2

    assert "Traceback" not in "".join(out for out, _ in said)
    stack.run("history", "--verify")


@pytest.mark.parametrize(
    "name", ["model.onnx", "model.pkl", "golden.jsonl", "release.yaml", "environment.yaml"]
)
def test_a_tampered_bundle_is_refused_and_the_file_is_named(shared, name):
    path = shared.folder / "releases" / "v2" / name
    was = path.read_bytes()
    path.write_bytes(was + b" ")
    try:
        for verb in ("verify", "deploy"):
            refused = shared.run(verb, "v2", check=False)
            assert refused.code == 6, refused.out
            assert name in refused.out
    finally:
        path.write_bytes(was)


def test_a_bundle_signed_by_another_key_is_refused(stack):
    signature = stack.folder / "releases" / "v2" / "signature"
    signature.write_bytes(base64.b64encode(b"x" * 64))
    refused = stack.run("verify", "v2", check=False)
    assert refused.code != 0
    assert "signature" in refused.out


def test_a_ledger_that_is_locked_is_said_and_nothing_is_lost(shared_stack):
    stack = shared_stack
    lock = sqlite3.connect(stack.folder / "var" / "ledger.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    refused = stack.run("promote", "v2", check=False)
    lock.execute("ROLLBACK")
    lock.close()
    assert refused.code == 1
    assert "locked" in refused.out
    assert stack.predict().headers["x-model-version"] == "v1"
    stack.run("promote", "v2")


def test_ctrl_c_while_a_version_starts_leaves_nothing_of_it(stack):
    stack.run("up", "--port", "0")
    verb = stack.start("deploy", "v1")
    until(lambda: list((stack.folder / "var").rglob("v1-*.conf")), "its program is written")
    verb.send_signal(signal.SIGINT)
    out, _ = verb.communicate(timeout=300)
    assert verb.returncode == 130, out
    assert not list((stack.folder / "var").rglob("v1-*.conf")), out
    assert stack.status()["revision"] == 0
    stack.run("deploy", "v1")


def test_secrets_are_in_no_file_but_their_own_and_in_no_output(shared_stack):
    stack = shared_stack
    secrets = [path.read_text().strip() for path in (stack.folder / "var" / "secrets").iterdir()]
    shown = "".join(stack.run(*words).out for words in (("status",), ("history",), ("lint",)))
    files = [path for path in (stack.folder / "var").rglob("*") if path.parent.name != "secrets"]
    written = "".join(map(_text, files))
    assert secrets
    assert not any(secret in shown + written for secret in secrets)


def _text(path):
    """What a file says; of a draft that has got its name meanwhile, and of what is no file,
    nothing.
    """
    try:
        return path.read_text(errors="replace") if path.is_file() else ""
    except FileNotFoundError:
        return ""
