"""Draws the pictures of docs/verdict.md; what they show comes from scripts/verdicts.py."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

from rollout.state.policy import VerdictConfig
from scripts.verdicts import (
    BETWEEN,
    HEALTHY,
    HEALTHY_RUNS,
    LOOKS,
    SHARE,
    WORSE,
    capitals,
    false_alarms,
)

GOOD, BAD, LINE = "#2a7f9e", "#c8553d", "#555555"
PATHS = 12


def capital(axes: Any) -> None:
    """The bet's capital against healthy candidates and against worse ones."""
    requests = BETWEEN * np.arange(1, LOOKS + 1)
    healthy, worse = capitals(PATHS)
    needed = 1 / (VerdictConfig().alpha * VerdictConfig().errors.weight)
    for paths, colour, label in (
        (healthy, GOOD, f"healthy: fails on {HEALTHY:.0%} as the stable version does"),
        (worse, BAD, f"worse: fails on {WORSE:.0%}"),
    ):
        for path in paths:
            end = _end(path, needed)
            axes.plot(requests[:end], path[:end], color=colour, linewidth=0.9, label=label)
            # One line of each kind is named in the legend.
            label = None

    axes.axhline(needed, color=LINE, linestyle="--", linewidth=1)
    axes.text(requests[-1], needed * 1.15, f"{needed:.0f}x: rolled back", ha="right", color=LINE)
    axes.set_yscale("log")
    axes.set_ylim(0.01, 300)
    axes.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01x", "0.1x", "1x", "10x", "100x"])
    axes.set_xlabel(f"requests of both versions, {SHARE:.0%} of them to the candidate")
    axes.set_ylabel("capital of who bets\non “it fails more often”")
    axes.legend(loc="lower right", frameon=False)


def _end(path: Any, needed: float) -> int:
    """How many looks a candidate gets: one that was rolled back gets no more requests."""
    reached = path >= needed
    if reached.any():
        return int(np.argmax(reached)) + 1
    return LOOKS


def looks(axes: Any) -> None:
    """How many healthy candidates are rolled back by the number of looks."""
    chi, ours = false_alarms()
    number = np.arange(1, LOOKS + 1)
    axes.plot(number, 100 * chi, color=BAD, label="chi-square on all data so far, p < 0.05")
    axes.plot(number, 100 * ours, color=GOOD, label="the verdict’s bet, alpha 5 %")
    axes.axhline(100 * VerdictConfig().alpha, color=LINE, linestyle="--", linewidth=1)
    axes.text(
        LOOKS, 100 * VerdictConfig().alpha + 0.7, "what was promised: 5 %", ha="right", color=LINE
    )
    axes.set_ylim(0, None)
    axes.set_xlabel(f"looks, one after each {BETWEEN} requests")
    axes.set_ylabel(f"% of {HEALTHY_RUNS:,} healthy\ncandidates rolled back")
    axes.legend(loc="upper left", frameon=False)


PICTURES: dict[str, Callable[[Any], None]] = {"capital": capital, "looks": looks}


def drawn(name: str) -> bytes:
    """A picture as SVG; the same bytes each time on one machine."""
    mpl.use("svg")
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sluice", "font.size": 9}):
        figure, axes = plt.subplots(figsize=(8, 3.4))
        PICTURES[name](axes)
        axes.spines[["top", "right"]].set_visible(False)
        figure.tight_layout()
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        plt.close(figure)

    return svg.getvalue()


def draw(folder: Path) -> list[Path]:
    """Write the pictures that have changed; returns them."""
    changed = []
    for name in PICTURES:
        path, picture = folder / f"{name}.svg", drawn(name)
        if not path.exists() or path.read_bytes() != picture:
            path.write_bytes(picture)
            changed.append(path)

    return changed
