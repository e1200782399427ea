"""Numbers with their nouns."""

import pytest

from rollout.plurals import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 requests"), (1, "1 request"), (2_000, "2,000 requests")]
)
def test_one_is_one(number: int, said: str) -> None:
    assert counted(number, "request") == said


def test_a_noun_may_have_its_own_plural() -> None:
    assert (counted(1, "batch", "batches"), counted(2, "batch", "batches")) == (
        "1 batch",
        "2 batches",
    )
