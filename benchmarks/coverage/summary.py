"""The figures of a run and the goals that they are compared with."""

import os
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from benchmarks.coverage.measurement import UNDELIVERABLE, Measurement
from benchmarks.coverage.panel import boosting

GOALS = {"fraction": 0.95, "undeliverable": 0, "wrong": 0}
PACKAGES = ("scikit-learn", "pandas", "numpy", "onnx", "skl2onnx", "onnxruntime")


def summary(results: Sequence[Measurement]) -> dict[str, Any]:
    """All figures as plain values.

    certified, tried, fraction: pipelines. undeliverable: pipelines without a version.
    wrong: adversarial rows that get another answer than by their pipeline.
    refused: those that fail where their pipeline answers.
    """
    certified = sum(result.is_certified for result in results)
    return {
        "certified": certified,
        "tried": len(results),
        "fraction": round(certified / max(1, len(results)), 4),
        "undeliverable": sum(result.runtime == UNDELIVERABLE for result in results),
        "wrong": sum(result.wrong for result in results),
        "refused": sum(result.refused for result in results),
        "adversarial_rows": sum(result.rows for result in results),
        "goals": GOALS,
        "families": _families(results),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "packages": {name: version(name) for name in (*PACKAGES, *_boosters(results))},
        "pipelines": [asdict(result) for result in results],
    }


def _boosters(results: Sequence[Measurement]) -> list[str]:
    """The packages beside Sluice's that some of the pipelines use."""
    families = {result.family for result in results}
    return [name for name in boosting.FAMILIES if name in families]


def _families(results: Sequence[Measurement]) -> dict[str, dict[str, int]]:
    """Of every family how many were tried and certified, and how many rows were wrong."""
    tried: Counter[str] = Counter()
    certified: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for result in results:
        tried[result.family] += 1
        certified[result.family] += result.is_certified
        wrong[result.family] += result.wrong

    return {
        family: {
            "tried": tried[family],
            "certified": certified[family],
            "wrong": wrong[family],
        }
        for family in tried
    }
