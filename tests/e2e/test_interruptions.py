"""Ctrl-C at any moment of any verb: one line or none, the ledger whole, the users answered, and the
next act works.

A moment is told by the processor time that the verb has used, so that it falls into the same line
on any machine."""

import signal
from contextlib import suppress
from pathlib import Path

import pytest

from store import LedgerStore
from store.engine import engine
from tests.e2e.stack_harness import StackHarness, VerbResult
from tests.until import until

VERBS = (
    ("status",),
    ("canary", "v2"),
    ("promote", "v2"),
    ("rollback",),
    ("shadow", "v2"),
    ("abort",),
    ("release-in-place", "v2"),
    ("retire", "v1", "--force"),
    ("up",),
)


@pytest.mark.parametrize(
    "moments", [(0.75,), pytest.param((0.4, 0.75, 0.95), marks=pytest.mark.soak)]
)
def test_ctrl_c_at_any_moment_of_any_verb_leaves_everything_whole(
    stack: StackHarness, moments: tuple[float, ...]
) -> None:
    stack.up("v1", "v2")
    with_the_record = engine(f"sqlite:///{stack.folder}/var/ledger.db")
    record = LedgerStore(with_the_record, "flights")
    try:
        for verb in VERBS:
            usual = ticks_of(stack, verb)
            for moment in moments:
                said = interrupted(stack, verb, moment * usual)
                assert said.code in (0, 1, 130, -signal.SIGINT), (verb, moment, said.out)
                assert "Traceback" not in said.out, (verb, moment)
                assert record.verify() >= 3
                assert stack.predict().status_code == 200
    finally:
        with_the_record.dispose()

    stack.run("up")
    assert not [note for note in stack.status()["notes"] if "does not name it" in note]


def interrupted(stack: StackHarness, verb: tuple[str, ...], ticks: float) -> VerbResult:
    """A verb that got Ctrl-C once it had used so much processor time."""
    process = stack.start(*verb)

    def far_enough() -> bool:
        now = used(process.pid)
        return now is None or now >= ticks

    until(far_enough, "it has got so far", 60)
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)

    out, _ = process.communicate(timeout=300)
    return VerbResult(process.returncode, out)


def ticks_of(stack: StackHarness, verb: tuple[str, ...]) -> int:
    """The processor time of the whole verb, to its end or its refusal."""
    process = stack.start(*verb)
    most = [0]

    def ended() -> bool:
        most[0] = max(most[0], used(process.pid) or 0)
        return process.poll() is not None

    until(ended, "it ends", 90)
    process.communicate()
    return most[0]


def used(pid: int) -> int | None:
    """Ticks of processor time, None once it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[11]) + int(fields[12])
