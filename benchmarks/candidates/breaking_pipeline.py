"""A pipeline that fails on every row once a file is there."""

import tempfile
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

FLAG = Path(tempfile.gettempdir()) / "sluice-benchmark-broken"


class BreakingPipeline(Pipeline):
    """Predicts as Pipeline until FLAG exists."""

    def predict_proba(self, X: Any, **params: Any) -> Any:  # noqa: N803
        """As Pipeline; raises RuntimeError once it is broken."""
        if FLAG.exists():
            raise RuntimeError("broken, as the benchmark wants it")
        return super().predict_proba(X, **params)
