"""How an outcome is told to people."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from deployment.outcomes import Out


@pytest.mark.parametrize(("metrics", "lines"), [({}, 3), ({"auc": 0.5}, 4)])
def test_a_delivery_has_no_empty_line_where_there_are_no_metrics(
    metrics: dict[str, float], lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = SimpleNamespace(certified="onnx", reason="equal")
    Out(as_json=False).delivered("v1", Path("releases/v1"), "digest", True, runtime, metrics)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == lines
    assert all(line.strip() for line in told)
