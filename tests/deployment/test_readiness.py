"""A running version is ready once it gives its golden answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from deployment import readiness
from deployment.readiness import NotAnswering, ReadinessProbe, ask_once
from deployment.workspace.bundles import GoldenRows


@dataclass
class Answer:
    """A version's answer of 200."""

    content: dict[str, Any]
    status: int = 200
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """Its content."""
        return self.content


@dataclass
class Line:
    """A connection to that version."""

    content: dict[str, Any]

    def post(self, _path: str, _content: Any) -> Answer:
        """The same to all."""
        return Answer(self.content)


def answers(monkeypatch: pytest.MonkeyPatch, **content: Any) -> None:
    """Let every version answer so."""

    @contextmanager
    def line(*_: Any) -> Iterator[Line]:
        yield Line(content)

    monkeypatch.setattr(readiness, "line", line)


def test_small_answers_are_compared_by_the_scale_of_the_bundle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers(monkeypatch, predictions=[1.01e-6])
    golden = GoldenRows([{"x": 1}], [1e-6])
    ask_once(ReadinessProbe("", "", golden, 1e-5))
    with pytest.raises(NotAnswering, match=r"golden row 0 gave .*relative difference 0\.01"):
        ask_once(ReadinessProbe("", "", golden, 1e-5, 1e-6))


def test_further_outputs_must_be_golden_too(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = GoldenRows([{"x": 1}], [{"predict": 1, "transform": [2.0, 3e-9]}])
    probe = ReadinessProbe(
        "", "", golden, 1e-5, {"predict": 1.0, "transform": [1, 1e-9]}, "predict"
    )
    answers(monkeypatch, predictions=[1], outputs={"transform": [[2.0, 3e-9]]})
    ask_once(probe)
    answers(monkeypatch, predictions=[1], outputs={"transform": [[2.0, 4e-9]]})
    with pytest.raises(NotAnswering, match="golden row 0 gave"):
        ask_once(probe)

    answers(monkeypatch, predictions=[1])
    with pytest.raises(NotAnswering, match="golden row 0 gave 1, certified was"):
        ask_once(probe)
