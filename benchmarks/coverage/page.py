"""Writes docs/coverage.md of the last whole run, and of the last one of other packages' pipelines:
`python -m benchmarks.coverage.page`. The part of the page whose run left no result here stays.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.processes import ROOT, STATE

RESULT = STATE / "results" / "coverage.json"
RESULT_OF_BOOSTERS = STATE / "results" / "coverage-boosters.json"
PAGE = ROOT / "docs" / "coverage.md"
LONGEST_REASON = 160
Figures = dict[str, Any]

HEAD = """# Which pipelines are certified

`python -m benchmarks.coverage --json` delivers the pipelines of a panel as a user does it: every
classifier, regressor and transformer of scikit-learn that a pipeline of rows can have, on tables
with missing values, integers on the thresholds of trees, many categories, texts and several
classes. 900 rows are for the fit, 300 are held out. LightGBM, XGBoost, CatBoost and
imbalanced-learn, which are no part of Sluice's environment, have a
[section of their own](#other-packages).

*Certified*: proved equal to its ONNX form, and served by it. The others are served by
scikit-learn: nothing is wrong with their answers, they are only slower
([Make ONNX certification succeed](how-to/get-onnx-certified.md)).

*Wrong*: adversarial rows, 2,000 a pipeline at most, on which the served answer is not the
pipeline's own within the tolerance, or another class. They are none of the rows that delivery
proves a version with: numbers on thresholds and one unit in the last place beside, both sides of
the pipeline's own steps, integers beyond 2^24, rows halfway between two others, unseen and rare
categories, nulls.
*Refused*: those of them that get an error where the pipeline answers: they are so far from
training that the ONNX form cannot tell what the pipeline would say.

"""


BOOSTERS = "## Other packages\n"
HEAD_OF_BOOSTERS = """
`var/boosters/bin/python -m benchmarks.coverage --boosters` measures the same of pipelines with
other packages, in an environment that `scripts/setup.sh boosters` makes.
"""


def main() -> int:
    """Write the page; returns 1 where no run has left its result."""
    if not (RESULT.exists() or RESULT_OF_BOOSTERS.exists()):
        print(f"{RESULT} is missing: run `python -m benchmarks.coverage` first", file=sys.stderr)
        return 1

    panel, boosters = _parted(PAGE.read_text(encoding="utf-8"))
    if RESULT.exists():
        panel = text_of(json.loads(RESULT.read_text()))
    if RESULT_OF_BOOSTERS.exists():
        boosters = text_of_boosters(json.loads(RESULT_OF_BOOSTERS.read_text()))

    PAGE.write_text("\n".join(part for part in (panel, boosters) if part), encoding="utf-8")
    return 0


def _parted(page: str) -> tuple[str, str]:
    """The page as it is: the panel's part, and the section of other packages."""
    panel, heading, section = page.partition(BOOSTERS)
    return panel.rstrip() + "\n", heading + section


def text_of_boosters(figures: Figures) -> str:
    """The section of other packages' pipelines."""
    rows = []
    for one in figures["pipelines"]:
        reason = "" if one["runtime"] == "onnx" else _shortened(one["reason"])
        rows.append((one["name"], one["runtime"], one["wrong"], one["refused"], reason))

    head = ("pipeline", "served by", "wrong", "refused", "why not by ONNX")
    certified = f"{figures['certified']} of {figures['tried']} certified, "
    wrong = f"{figures['wrong']} of {figures['adversarial_rows']:,} adversarial rows wrong. "
    parts = [f"{BOOSTERS}{HEAD_OF_BOOSTERS}", _table(head, sorted(rows))]
    parts.append(f"\n{certified}{wrong}{_packages(figures)}.\n")
    return "\n".join(parts)


def text_of(figures: Figures) -> str:
    """The whole page."""
    parts = [HEAD, _totals(figures), _families(figures), _not_certified(figures)]
    parts += [_wrong(figures), _not_measured(figures), _certified(figures)]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _totals(figures: Figures) -> str:
    tried = figures["tried"]
    rows = [
        ("pipelines measured", f"{tried} of {tried + len(figures.get('not_measured', []))}", "all"),
        ("certified", f"{figures['certified']} of {figures['tried']}", ""),
        ("fraction", f"{figures['fraction']:.3f}", f"{figures['goals']['fraction']}"),
        ("undeliverable", str(figures["undeliverable"]), "0"),
        ("wrong", f"{figures['wrong']} of {figures['adversarial_rows']:,}", "0"),
        ("refused", f"{figures['refused']} of {figures['adversarial_rows']:,}", ""),
    ]
    return f"{_table(('', 'measured', 'goal'), rows)}\n\n{_packages(figures)}.\n"


def _packages(figures: Figures) -> str:
    return ", ".join(f"{name} {version}" for name, version in figures["packages"].items())


def _families(figures: Figures) -> str:
    rows = []
    for family, counts in figures["families"].items():
        rows.append((family, counts["certified"], counts["tried"], counts["wrong"]))

    table = _table(("family", "certified", "tried", "wrong rows"), rows)
    return f"## By family\n\n{table}\n"


def _not_certified(figures: Figures) -> str:
    rows = []
    for one in figures["pipelines"]:
        if one["runtime"] != "onnx":
            rows.append((one["name"], one["runtime"], _shortened(one["reason"])))

    if not rows:
        return ""

    return f"## Not certified\n\n{_table(('pipeline', 'served by', 'reason'), rows)}\n"


def _wrong(figures: Figures) -> str:
    rows = []
    for one in figures["pipelines"]:
        if one["wrong"] or one["refused"]:
            counts = one["wrong"], one["refused"]
            rows.append((one["name"], one["runtime"], *counts, _shortened(one["shown"][0])))

    if not rows:
        return ""

    head = ("pipeline", "served by", "wrong", "refused", "the first of them")
    return f"## Wrong and refused rows\n\n{_table(head, rows)}\n"


def _not_measured(figures: Figures) -> str:
    """What an interrupted run did not come to."""
    names = figures.get("not_measured", [])
    if not names:
        return ""

    lines = "\n".join(f"* {name}" for name in names)
    why = "The run was interrupted before these, or their time was over, in no order."
    return f"## Not measured\n\n{why}\n\n{lines}\n"


def _certified(figures: Figures) -> str:
    names = [one["name"] for one in figures["pipelines"] if one["runtime"] == "onnx"]
    return "## Certified\n\n" + "\n".join(f"* {name}" for name in names) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    return "\n".join(_lines(tuple(head), rows))


def _lines(head: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def _shortened(reason: str) -> str:
    if len(reason) <= LONGEST_REASON:
        return reason

    return f"{reason[:LONGEST_REASON]} …"


if __name__ == "__main__":
    sys.exit(main())
