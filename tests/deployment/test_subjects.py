"""The history says what each act was about."""

import pytest

from deployment.subjects import about
from rollout.ledger import Ledger
from tests.rollout.typed import EMPTY, STARTED, typed

CANARY = typed("canary v2 --steps 5,50", ledger=STARTED)
SECOND = typed("promote v2", ledger=STARTED)


@pytest.mark.parametrize(
    ("before", "command", "told"),
    [
        (EMPTY, "deploy v1", "v1"),
        (typed("deploy v1"), "promote v1", "v1"),
        (STARTED, "canary v2 --steps 5,50", "v2 5 %"),
        (CANARY, "promote v2 --step", "v2 50 %"),
        (CANARY, "pause", "v2"),
        (CANARY, "abort", "v2 -> v1"),
        (CANARY, "rollback", "v2 -> v1"),
        (CANARY, "promote v2", "v1 -> v2"),
        (STARTED, "shadow v2", "v2"),
        (typed("shadow v2", ledger=STARTED), "abort", "v2"),
        (SECOND, "rollback", "v2 -> v1"),
        (SECOND, "retire v3", "v3"),
        (STARTED, "release-in-place v2", "v1 -> v2"),
        (STARTED, "blue-green v2 --auto", "v2 100 %"),
    ],
)
def test_an_act_is_about_the_versions_it_touched(before: Ledger, command: str, told: str) -> None:
    assert about(before, typed(command, ledger=before)) == told
