"""A running version is ready once it gives its golden answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deployment import readiness
from deployment.readiness import NotAnswering, ReadinessProbe, ask_once
from deployment.workspace.bundles import GoldenRows


class Answer:
    """A version's answer of 200."""

    status, body = 200, b""

    def json(self) -> dict[str, Any]:
        """One prediction."""
        return {"predictions": [1.01e-6]}


class Line:
    """A connection to that version."""

    def post(self, _path: str, _content: Any) -> Answer:
        """The same to all."""
        return Answer()


def test_small_answers_are_compared_by_the_scale_of_the_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def line(*_: Any) -> Iterator[Line]:
        yield Line()

    monkeypatch.setattr(readiness, "line", line)
    golden = GoldenRows([{"x": 1}], [1e-6])
    ask_once(ReadinessProbe("", "", golden, 1e-5))
    with pytest.raises(NotAnswering, match=r"golden row 0 gave .*relative difference 0\.01"):
        ask_once(ReadinessProbe("", "", golden, 1e-5, 1e-6))
