"""A pipeline that takes 30 % longer than its steps need."""

import time
from typing import Any

from sklearn.pipeline import Pipeline

LONGER = 0.3


class SlowPipeline(Pipeline):
    """Waits for a part of the time that it took."""

    def predict_proba(self, X: Any, **params: Any) -> Any:  # noqa: N803
        """As Pipeline, and then idle."""
        began = time.perf_counter()
        answer = super().predict_proba(X, **params)
        time.sleep(LONGER * (time.perf_counter() - began))
        return answer
