"""The statements of what the history has: over time with a baseline of real days, and outages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType

import pytest

from rollout.drift.statements import (
    ALARM,
    ANSWERS_CHANGED,
    INPUTS_CHANGED,
    NO_BASELINE,
    NO_REFERENCE,
    STEADY,
    DriftReport,
)
from rollout.drift.training_reference import ANSWER, COLUMN, TrainingReference, reference_of
from rollout.history.counts import CellKey, to_body
from rollout.settings import DriftSettings
from router.drift.drift_reader import DriftReader
from store.engine import engine
from store.history.history_store import HistoryStore
from tests.rollout.ledger_commands import STARTED

DAY, HOUR = 86_400, 3_600
NOW = 20_000 * DAY + 15 * HOUR
CHANGED_AT = NOW - 5 * HOUR
SETTINGS = DriftSettings()
CITY = {"name": "city", "values": ["Bergen", "Oslo"], "counts": [50, 50, 0]}
BODY = {
    "id": "0123abcd",
    "columns_of": "training",
    "columns": [CITY, {"name": "age", "edges": [0, 20, 40, 60], "counts": [0, 30, 40, 30, 0]}],
    "answers": [{"name": "predict", "values": [0.0, 1.0], "counts": [70, 30, 0]}],
    "left_out": 0,
}
REFERENCE = reference_of(BODY)
SOUND, MOVED = ([50, 50, 0, 0], [70, 30, 0, 0]), ([5, 15, 80, 0], [20, 80, 0, 0])
Bins = Sequence[int]


def cell(city: Bins, answers: Bins, labels: dict[str, int]) -> dict:
    """The counts of some minutes."""
    bins = {
        REFERENCE.kind(COLUMN, 0): city,
        REFERENCE.kind(COLUMN, 1): [0, 30, 40, 30, 0, 0],
        REFERENCE.kind(ANSWER, 0): answers,
    }
    by_key = {kind: {str(at): rows for at, rows in enumerate(own)} for kind, own in bins.items()}
    return {**by_key, "labels": labels, REFERENCE.sampled_kind: {"rows": 100}}


class Past:
    """A history of nine days."""

    def __init__(self, folder, days: int = 9) -> None:
        self.engine = engine(f"sqlite:///{folder}/ledger.db")
        self.store = HistoryStore(self.engine, "flights")
        self.store.create()
        self.days = days
        self.references: dict[str, TrainingReference | None] = {"v1": REFERENCE}

    def write(self, city: Bins, answers: Bins, labels: dict[str, int]) -> None:
        """As always until CHANGED_AT, then these counts every ten minutes."""
        before = range(NOW - self.days * DAY, NOW - DAY, HOUR)
        samples = [(at, *SOUND, {"right": 80, "wrong": 20}) for at in before]
        for at in range(NOW - DAY, NOW, 600):
            if at < CHANGED_AT:
                samples.append((at, *SOUND, {"right": 80, "wrong": 20}))
            else:
                samples.append((at, city, answers, labels))

        bodies = [(at, to_body({CellKey("v1"): cell(*counts)})) for at, *counts in samples]
        assert self.store.hand_in("a life", 0, bodies, [], float(NOW))

    def reader(self, clock: Callable[[], float] = lambda: float(NOW)) -> DriftReader:
        """A reader of now."""
        return DriftReader(self.engine, "flights", lambda: self.references, SETTINGS, clock)

    def report(self) -> DriftReport:
        """What it says now."""
        return self.reader().report(STARTED)


@pytest.fixture
def past(tmp_path):
    made = Past(tmp_path)
    yield made
    made.engine.dispose()


@pytest.mark.parametrize(
    ("city", "answers", "wrong", "state"),
    [
        (SOUND[0], SOUND[1], 20, STEADY),
        (MOVED[0], SOUND[1], 20, INPUTS_CHANGED),
        (SOUND[0], MOVED[1], 20, ANSWERS_CHANGED),
        (MOVED[0], MOVED[1], 20, ALARM),
        (MOVED[0], SOUND[1], 90, ALARM),
    ],
)
def test_an_alarm_needs_columns_and_answers_or_labels(past, city, answers, wrong, state) -> None:
    past.write(city, answers, {"right": 100 - wrong, "wrong": wrong})
    report = past.report()
    assert report.change is not None
    assert report.change.state == state
    assert report.is_alarm == (state == ALARM)
    if state == STEADY:
        assert report.change.since is None
        assert max(report.change.names.values()) < 1
    else:
        assert CHANGED_AT < report.change.since <= NOW
        assert next(iter(report.change.names.values())) >= 1


def test_the_hour_is_compared_with_training(past) -> None:
    past.write(*MOVED, {"right": 80, "wrong": 20})
    (training,) = past.report().training
    assert (training.version, training.rows) == ("v1", 600)
    city, age = training.columns
    assert (city.name, city.unseen, city.is_marked, city.more) == ("city", 480, True, "new values")
    assert city.distance == pytest.approx(0.8)
    assert (age.name, age.distance, age.is_marked) == ("age", 0.0, False)
    assert training.answers[0].distance == pytest.approx(0.5)


def test_without_days_before_there_is_no_baseline(tmp_path) -> None:
    young = Past(tmp_path, days=2)
    young.write(*MOVED, {})
    change = young.report().change
    young.engine.dispose()
    assert change is not None
    assert change.state == NO_BASELINE
    assert 0 < change.hours < change.hours_needed


def test_without_a_reference_nothing_is_said_of_the_counts(past) -> None:
    past.write(*MOVED, {})
    past.references = {"v1": None}
    report = past.report()
    assert report.training[0].columns_of == ""
    assert report.change is not None
    assert report.change.state == NO_REFERENCE
    # Other bins under the same name are other counts.
    past.references = {"v1": replace(REFERENCE, id="fedc9876")}
    assert past.report().training[0].rows == 0


def test_a_reference_that_comes_later_is_used_at_once(past) -> None:
    past.write(*MOVED, {"right": 80, "wrong": 20})
    past.references = {"v1": None}
    reader = past.reader()
    assert reader.report(STARTED).change.state == NO_REFERENCE
    past.references = {"v1": REFERENCE}
    assert reader.report(STARTED).change.state == ALARM


def test_any_other_reference_is_used_at_once(past) -> None:
    past.write(*MOVED, {"right": 80, "wrong": 20})
    reader = past.reader()
    past.references = {"v1": None, "v2": REFERENCE}
    assert reader.report(STARTED).change.state == NO_REFERENCE
    past.references = {"v1": REFERENCE, "v2": REFERENCE}
    assert reader.report(STARTED).change.state == ALARM
    past.references = {"v1": replace(REFERENCE, id="fedc9876"), "v2": REFERENCE}
    report = reader.report(STARTED)
    assert (report.training[0].rows, report.change.state) == (0, NO_BASELINE)


def test_statements_are_made_again_when_the_clock_goes_back(past) -> None:
    past.write(*MOVED, {"right": 80, "wrong": 20})
    now = [float(NOW)]
    reader = past.reader(lambda: now[0])
    assert reader.report(STARTED).change.state == ALARM
    now[0] = CHANGED_AT - 600.0
    report = reader.report(STARTED)
    assert report.change.state == STEADY
    assert report.training[0].columns[0].unseen == 0


def test_a_column_that_is_called_as_an_answer_is_shown_with_what_changed_more(past) -> None:
    past.write(*MOVED, {"right": 80, "wrong": 20})
    named = {**BODY, "answers": [{**BODY["answers"][0], "name": "city"}]}
    both = past.report().change.names
    past.references = {"v1": reference_of(named)}
    change = past.report().change
    assert change.state == ALARM
    assert change.names["city"] == max(both["city"], both["predict"])
    past.references = {"v1": reference_of({**named, "answers": [{**CITY, "name": "age"}]})}
    assert past.report().change.names["city"] == both["city"]


def test_before_a_release_nothing_is_said(past) -> None:
    empty = replace(STARTED, versions=MappingProxyType({}), released=None, split=None)
    assert past.reader().report(empty) == DriftReport()


def test_what_was_found_is_said_while_the_history_is_away(past, tmp_path) -> None:
    past.write(*MOVED, {"right": 80, "wrong": 20})
    times = iter([float(NOW), *(NOW + 600.0 + step for step in range(200))])
    reader = past.reader(lambda: next(times))
    before = reader.report(STARTED)
    assert before.is_alarm
    past.engine.dispose()
    for file in tmp_path.glob("ledger-history.db*"):
        file.unlink()

    assert reader.report(STARTED) == before
