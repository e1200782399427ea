"""A pipeline that has 30 % more to compute than its steps need."""

import time
from typing import Any

from sklearn.pipeline import Pipeline

LONGER = 0.3


class HeavyPipeline(Pipeline):
    """Computes for a part of the processor time that it took."""

    def predict_proba(self, X: Any, **params: Any) -> Any:  # noqa: N803
        """As Pipeline, and then busy."""
        began = time.thread_time()
        answer = super().predict_proba(X, **params)
        end = time.thread_time() + LONGER * (time.thread_time() - began)
        while time.thread_time() < end:
            pass

        return answer
